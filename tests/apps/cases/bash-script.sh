# add: /bin/bash /bin/cat /usr/bin/sort /usr/bin/tr /bin/sleep /usr/bin/seq /usr/bin/wc /bin/rm /bin/grep /bin/sed /bin/mkdir /usr/lib/locale/C.utf8
# Functions, arrays, arithmetic
fib() { if (( $1 < 2 )); then echo $1; else echo $(( $(fib $(($1-1))) + $(fib $(($1-2))) )); fi; }
echo "fib $(fib 9)"
declare -A map=([one]=1 [two]=2 [three]=3)
for k in $(printf '%s\n' "${!map[@]}" | sort); do echo "$k=${map[$k]}"; done
arr=(a b c); arr+=(d); echo "${#arr[@]} ${arr[*]:1:2} ${arr[-1]}"
# Pipelines and subshells
seq 1 100 | while read -r n; do (( n % 7 == 0 )) && echo $n; done | tr '\n' ' '; echo
( cd /; pwd; x=5 ); echo "x=${x:-unset}"
echo a | cat | cat | cat | tr a b
set -o pipefail; false | true; echo "pipefail $?"; true | false | true; echo "${PIPESTATUS[*]}"
set +o pipefail
# Here-documents and here-strings
cat <<EOF | sed 's/World/there/'
Hello World $((1+1))
EOF
cat <<'EOF'
no $expansion `here`
EOF
tr a-z A-Z <<< "here string"
# Process substitution and command substitution
cat <(echo one) <(echo two)
while read -r l; do echo "got $l"; done < <(printf 'p\nq\n')
# Traps, signals, background jobs
trap 'echo "trap EXIT"' EXIT
trap 'echo "trap USR1"' USR1
kill -USR1 $$
(trap 'echo "child TERM"; exit 3' TERM; echo >ready; while :; do sleep 0.05; done) & pid=$!
until [ -e ready ]; do sleep 0.05; done; kill -TERM $pid; wait $pid; echo "child ended $?"
for i in 1 2 3; do (sleep 0.$i; exit $i) & pids[$i]=$!; done
for i in 1 2 3; do wait ${pids[$i]}; echo "job $i: $?"; done
sleep 10 & bg=$!; kill -9 $bg; wait $bg 2>/dev/null; echo "killed $?"
(exit 42); echo $?; bash -c 'kill -SEGV $$' 2>/dev/null; echo "segv $?"
# wait -n and job control list
sleep 0.3 & sleep 0.1 & wait -n; echo "first $?"; wait
# String operations
s="The quick brown fox"; echo "${s^^} ${s,,} ${s//o/0} ${#s} ${s:4:5} ${s%% *} ${s##* }"
[[ $s =~ q([a-z]+) ]] && echo "${BASH_REMATCH[1]}"
printf '%05.1f|%-6s|%x\n' 3.14159 ab 255
case $s in *quick*) echo quick;; *) echo slow;; esac
# Redirections
exec 3> out.txt; echo to3 >&3; exec 3>&-; cat out.txt
{ echo out; echo err >&2; } 2>&1 | sort
echo x > f; echo y >> f; wc -l < f; rm f out.txt
exec 4<<< "from fd 4"; read -r v <&4; echo "$v"
# select-free loops, read with timeout, printf -v
printf -v z '%d-%s' 7 seven; echo $z
read -t 0.1 q < <(sleep 1); echo "read $?"
mapfile -t lines < <(seq 3); echo "${lines[*]}"
# Deep recursion of subshells
echo $(echo $(echo $(echo $(echo deep))))
# coproc
coproc CAT { cat; }; echo coproc-line >&${CAT[1]}; read -r r <&${CAT[0]}; echo "$r"; eval "exec ${CAT[1]}>&-"; wait $CAT_PID; echo "coproc $?"
# many short processes
n=0; for i in $(seq 100); do x=$(/bin/true; echo 1); n=$((n+x)); done; echo "n=$n"
mkdir -p dir && cd dir && pwd | sed 's,.*/,,' && cd .. && rm -r dir
exit 7
