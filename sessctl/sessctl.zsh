#compdef sessctl
# zsh completion for sessctl(8). Commands and options are asked of sessctl itself, so that this file names none of
# them: `sessctl help --words` prints "command option argument", with - for what is missing.

_sessctl_values()
{
	case $1 in
	USER) _users ;;
	FILE|'[FILE]') _files ;;
	DIR) _files -/ ;;
	SERVICE|'[SERVICE...]') compadd -- /etc/pam.d/*(N:t) ;;
	SID|'[SID...]'|'SID DURATION')
		compadd -- ${${(f)"$(sessctl --timeout 1s list 2>/dev/null)"}[2,-1]%% *}
		;;
	TIME) compadd -- now today yesterday -1h -24h -7d ;;
	*'|'*) compadd -- ${(s:|:)${1%% *}} ;;
	esac
}

_sessctl()
{
	local line name option arg command= given= operands= value= skip=
	local -a lines names options with_value
	lines=("${(@f)$(sessctl help --words 2>/dev/null)}") || return 1
	for line in $lines; do
		IFS=$'\t' read -r name option arg <<<$line
		if [[ $option = - ]]; then names+=($name)
		elif [[ $arg != - ]]; then with_value+=($option)
		fi
	done
	# which command was given: the words that are neither options nor their arguments
	for arg in ${words[2,CURRENT-1]}; do
		if [[ -n $skip ]]; then skip=
		elif [[ $arg = -* ]]; then (( ! ${with_value[(Ie)$arg]} )) || skip=1
		else given+="${given:+ }$arg"
		fi
	done
	for name in $names; do
		[[ $given = $name || $given = "$name "* ]] && command=$name
	done
	for line in $lines; do
		IFS=$'\t' read -r name option arg <<<$line
		[[ $name = - || $name = $command ]] || continue
		if [[ $option = - ]]; then operands=$arg
		else
			options+=($option)
			[[ $option = ${words[CURRENT-1]} && $arg != - ]] && value=$arg
		fi
	done
	if [[ -n $value ]]; then _sessctl_values $value
	elif [[ ${words[CURRENT]} = -* ]]; then compadd -- ${(u)options}
	elif [[ -z $command || $operands = '[COMMAND]' ]]; then
		# the next word of a command's name: of `audit`, its second
		given=${${given#$command}# }
		[[ -z $given ]] || names=(${${(M)names:#$given *}#$given })
		compadd -- ${(u)names%% *}
	else _sessctl_values $operands
	fi
}

_sessctl "$@"
