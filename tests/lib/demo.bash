# What the demos share; to be sourced after host.sh. HOST is the host that commands run in, `files` its files, `work` a
# folder for what runs beside the demo.

# How long, in seconds, a thing may take to come true before the demo says that it has not.
PATIENCE=30
WIDTH=80
work=

# --- What is said ---

bold='' green='' red='' blue='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' blue=$'\e[36m' plain=$'\e[0m'
fi

# Standard input as lines that fit behind so many spaces, and those before all of them, or all but the first.
hang() # SPACES [FIRST]
{
	local line spaces=${2:-$1}
	while IFS= read -r line; do
		printf '%*s%s\n' "$spaces" '' "$line"
		spaces=$1
	done < <(fold -s -w $((WIDTH - $1)) | sed 's/ *$//')
}

title()
{
	printf '\n%s' "$bold"
	hang 0 <<<"$*"
	printf '%s' "$plain"
}

# A command of several lines is written so that each fits.
show_command()
{
	printf '  %s$ %s%s\n' "$blue" "${*//$'\n'/$'\n    '}" "$plain"
}

show_output()
{
	hang 4
}

# What was checked.
show_ok()
{
	printf '  %sok%s  ' "$green" "$plain"
	hang 6 0 <<<"$*"
}

# Control characters of terminals that the output went through.
clean()
{
	tr -d '\r' | sed $'s/\e\\[[?0-9;]*[a-zA-Z]//g'
}

fail()
{
	printf '  %sNOT TRUE: %s%s\n' "$red" "$*" "$plain"
	[ -z "${out:-}" ] || printf 'the last command said:\n%s\n' "$out"
	if [ -d "$files" ]; then
		printf '%s\n' "the end of sessd's log:"
		tail -n 10 "$files/var/log/sessd.log" 2>/dev/null
	fi
	exit 1
}

# claim WORDS COMMAND…: the command says whether it is true.
claim()
{
	local words=$1
	shift
	"$@" || fail "$words"
	show_ok "$words"
}

# --- What is done ---

in_host()
{
	host_exec "$HOST" bash -c "$1"
}

# run COMMAND: shows and runs it; its output and status are in $out and $status, its time in $ms. One that hangs ends
# with the status of timeout(1), 124.
run()
{
	local start=${EPOCHREALTIME/./}
	show_command "$1"
	out=$(host_exec "$HOST" timeout -k 1 $PATIENCE bash -c "$1" 2>&1 </dev/null)
	status=$?
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	out=$(clean <<<"$out")
	[ -z "$out" ] || show_output <<<"$out"
}

# begin NAME COMMAND [SHOWN]: runs it beside the demo, with a keyboard at which press() types.
begin()
{
	show_command "${3:-$2}"
	mkfifo "$work/$1.keys"
	# Opened for both, so that it has no end.
	in_host "$2" <>"$work/$1.keys" >"$work/$1.screen" 2>&1 &
}

# press NAME LINE
press()
{
	printf '  %s(%s) $ %s%s\n' "$blue" "$1" "$2" "$plain"
	printf '%s\n' "$2" >"$work/$1.keys"
}

# until_true WORDS COMMAND…: fails with these words where it does not become true.
until_true()
{
	local words=$1 end=$((${EPOCHREALTIME/./} + PATIENCE * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || fail "$words (not within $PATIENCE s)"
		sleep 0.02
	done
}

contains()
{
	case $1 in *"$2"*) ;; *) return 1 ;; esac
}

contains_all()
{
	local part
	for part in "${@:2}"; do
		contains "$1" "$part" || return 1
	done
}

has_ended()
{
	! kill -0 "$1" 2>/dev/null
}
