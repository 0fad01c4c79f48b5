# bash completion for sessctl(8). Commands and options are asked of sessctl itself, so that this file
# names none of them; see help_words() for the lines that it reads.

# The values that an argument called $1 can have.
_sessctl_values()
{
	local cur=$2
	case $1 in
	USER) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	FILE | '[FILE]' | '[FILE...]')
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	DIR)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		;;
	SERVICE | '[SERVICE...]')
		mapfile -t COMPREPLY < <(compgen -W "$(cd /etc/pam.d 2>/dev/null && printf '%s\n' *)" -- "$cur")
		;;
	SID | '[SID...]' | 'SID DURATION')
		mapfile -t COMPREPLY < <(compgen -W "$(sessctl --timeout 1s list 2>/dev/null |
			awk 'NR > 1 { print $1 }')" -- "$cur")
		;;
	'[CONTROL [FILE...]]')
		# without parentheses, which the shell would take for its own
		compopt -o default
		mapfile -t COMPREPLY < <(compgen -W "all $(sessctl evidence --list 2>/dev/null |
			awk 'NR > 1 { gsub(/\(/, ".", $1); gsub(/\)/, "", $1); print $1 }')" -- "$cur")
		;;
	TIME) mapfile -t COMPREPLY < <(compgen -W 'now today yesterday -1h -24h -7d' -- "$cur") ;;
	*'|'*)
		# of `user|group NAME`, the first word's choices
		set -- "${1%% *}"
		mapfile -t COMPREPLY < <(compgen -W "${1//|/ }" -- "$cur")
		;;
	esac
}

_sessctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' commands='' options='' operands='' prev_arg='' words='' skip='' i
	local -a names=()
	local name option arg word
	# "command option argument", with - for what is missing
	local lines
	lines=$(sessctl help --words 2>/dev/null) || return

	while IFS=$'\t' read -r name option arg; do
		[[ $option == - ]] && names+=("$name")
	done <<<"$lines"

	# which command was given: the words that are neither options nor their arguments
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -n $skip ]]; then
			skip=''
		elif [[ $word == -* ]]; then
			awk -F '\t' -v o="$word" '$2 == o && $3 != "-" { f = 1 } END { exit !f }' \
				<<<"$lines" && skip=1
		else
			words+="${words:+ }$word"
		fi
	done
	for name in "${names[@]}"; do
		[[ $words == "$name" || $words == "$name "* ]] && command=$name
	done

	while IFS=$'\t' read -r name option arg; do
		[[ $name == - || $name == "$command" ]] || continue
		if [[ $option == - ]]; then
			operands=$arg
		else
			options+=" $option"
			[[ $option == "$prev" && $arg != - ]] && prev_arg=$arg
		fi
	done <<<"$lines"

	COMPREPLY=()
	if [[ -n $prev_arg ]]; then
		_sessctl_values "$prev_arg" "$cur"
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ -z $command || $operands == '[COMMAND]' ]]; then
		# the next word of a command's name: of `audit`, its second
		words=${words#"$command"}
		words=${words# }
		for name in "${names[@]}"; do
			if [[ -z $words ]]; then
				commands+=" ${name%% *}"
			elif [[ $name == "$words "* ]]; then
				commands+=" ${name#"$words "}"
			fi
		done
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur" | sort -u)
	else
		_sessctl_values "$operands" "$cur"
	fi
}

complete -F _sessctl sessctl
