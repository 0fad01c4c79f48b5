# For the scripts that print TAP and judge by what is wrong: `result` for each, then `plan` as the last line.
n=0
failed=0

# result NAME [WHAT IS WRONG]
result()
{
	n=$((n + 1))
	if [ -z "${2:-}" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
		failed=1
	fi
}

plan()
{
	echo "1..$n"
	exit "$failed"
}
