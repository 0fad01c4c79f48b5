# What the tests of logins ask about sessions; to be loaded after helpers.

# one_session 'jq condition': there is one such live session, now or in a moment; its record is then in `record`.
one_session()
{
	wait_until "[ \"\$(sessions_count '$1')\" = 1 ]" || { sessions; return 1; }
	record=$(sessions | jq -c "select($1)")
}

# Members of `record`, `-` where it lacks one.
of_record() # MEMBER…
{
	local member
	for member; do
		jq -r ".$member // \"-\"" <<<"$record"
	done | paste -sd ' '
}

# The events of a session, as `session_opened session_ended(logout)`; but for what its user was told.
story_of() # SID
{
	ledger | jq -r "select(.sid == \"$1\" and .event != \"notice_given\") | .event + if .reason then \"(\(.reason))\" else \"\" end" | paste -sd ' '
}

# The session ends now or in a moment: it is in no list any more, and its story is this.
ends_so() # SID STORY
{
	wait_until "[ -z \"\$(sessions_where '.sid == \"$1\"')\" ]" || { sessions; return 1; }
	wait_until "[ \"\$(story_of '$1')\" = '$2' ]" || equal "$2" "$(story_of "$1")"
}

ends_by_logout() # SID
{
	ends_so "$1" 'session_opened session_ended(logout)'
}

# Refusals on the ledger, as `USER REASON COUNT/LIMIT POLICY` lines.
refusals()
{
	ledger | jq -r 'select(.event == "session_refused") | "\(.user) \(.reason) \(.count)/\(.limit) \(.policy)"'
}

# A stack of the given lines, as the only one of SERVICE.
stack() # SERVICE LINE…
{
	printf '%s\n' "${@:2}" >"$HOST_FS/etc/pam.d/$1"
}

# Every stack without that module.
# shellcheck disable=SC2016
without_module() # MODULE
{
	on_host bash -c 'sed -i "/$1/d" /etc/pam.d/*' bash "$1"
}
