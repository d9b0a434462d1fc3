# add: /bin/bash /bin/cat /usr/bin/sort /usr/bin/tr /bin/sleep /usr/bin/seq /usr/bin/wc /bin/rm /bin/grep /bin/sed /bin/mkdir /usr/bin/head /usr/bin/tail /usr/bin/cut /usr/bin/mktemp /usr/bin/env /usr/bin/paste /usr/bin/tee /bin/mv /bin/ls
# timeout: 120
# A long script: a small build system, a word counter, a job server and a bank, one after the other.
set -u
work=$(mktemp -d) && cd "$work" || exit 1
section() { printf '== %s\n' "$*"; }

section words: pipelines, here-documents, associative arrays
text() {
    cat <<'TEXT'
In the inner chamber of the temple, where only the initiated go in,
the lamp burns; and who goes in alone comes out alone, for the chamber
keeps what the chamber hears. The temple keeps the chamber.
TEXT
}
declare -A seen=()
while read -r word; do
    seen[$word]=$(( ${seen[$word]:-0} + 1 ))
done < <(text | tr -cs 'A-Za-z' '\n' | tr A-Z a-z | grep .)
for word in "${!seen[@]}"; do
    printf '%d %s\n' "${seen[$word]}" "$word"
done | sort -k1,1nr -k2 | head -n 5
echo "lines $(text | wc -l | tr -d ' '), words ${#seen[@]}"
text | sed -n '2{s/alone/together/g;p}'
text | while IFS= read -r line; do printf '%s\n' "${#line}"; done | paste -sd+ | sed 's/$/ total/'

section build: functions, arrays, files, times
mkdir -p src out
for unit in alpha beta gamma delta; do
    cat >"src/$unit.in" <<EOF
name $unit
size ${#unit}
EOF
done
rules=("out/alpha:src/alpha.in" "out/beta:src/beta.in src/alpha.in" "out/gamma:src/gamma.in" "out/all:out/alpha out/beta out/gamma")
built=()
make_one() {
    local target=$1 rule needs need
    for rule in "${rules[@]}"; do
        [[ ${rule%%:*} == "$target" ]] || continue
        needs=${rule#*:}
        for need in $needs; do
            [[ $need == out/* ]] && { make_one "$need" || return; }
            [[ -e $need ]] || { echo "no rule for $need"; return 2; }
        done
        [[ -e $target ]] && return 0
        cat $needs >"$target" && built+=("$target")
        return
    done
    echo "no rule for $target"
    return 2
}
make_one out/all; echo "status $?, built ${built[*]}"
built=(); make_one out/all; echo "status $?, built again: ${built[*]:-nothing}"
rm out/beta out/all; make_one out/all; echo "built ${built[*]}"
make_one out/nothing; echo "status $?"
grep -c name out/all; wc -l <out/all

section jobs: background, wait, wait -n, traps
job_log=$work/jobs.log; : >"$job_log"
job() { sleep "0.$2"; echo "job $1" >>"$job_log"; return "$1"; }
pids=()
for n in 1 2 3 4 5; do job $n $((n * 5)) & pids+=($!); done
statuses=()
for pid in "${pids[@]}"; do wait "$pid"; statuses+=($?); done
echo "statuses ${statuses[*]}"; sort "$job_log" | paste -sd' '
(exit 3) & (sleep 2; exit 4) & wait -n; echo "first $?"; wait -n; echo "second $?"; wait -n; echo "none left $?"
queue=$work/queue; mkdir -p "$queue"
worker() { # takes names away one by one; a rename decides who gets one
    local file count=0
    for file in "$queue"/todo.*; do
        mv "$file" "$queue/doing.$BASHPID" 2>/dev/null || continue
        count=$((count + 1)); cat "$queue/doing.$BASHPID" >>"$work/done.$1"; rm "$queue/doing.$BASHPID"
    done
}
for n in $(seq 40); do echo "$n" >"$queue/todo.$n"; done
for w in 1 2 3; do worker $w & done; wait
cat "$work"/done.* | sort -n | paste -sd+ | sed 's/+/ + /;s/^/sum of /' | cut -c1-16
trap 'echo "caught USR1"' USR1
trap 'echo "caught USR2"' USR2
kill -USR1 $$; kill -USR2 $BASHPID
( trap 'echo "subshell TERM"; exit 9' TERM; echo >"$work/ready"; sleep 5 & wait $! ) & inner=$!
until [ -e "$work/ready" ]; do sleep 0.05; done; kill -TERM $inner; wait $inner; echo "inner $?"
( trap '' INT; kill -INT $BASHPID; echo "INT ignored" )
( kill -INT $BASHPID; echo never ); echo "INT not ignored $?"
trap - USR1 USR2
( sleep 10 & echo started; kill %1 2>/dev/null || kill $!; wait $! 2>/dev/null; echo "background $?" )
{ sleep 0.1; echo late; } & echo early; wait

section bank: subshells, locks, arithmetic
account=$work/account; echo 100 >"$account"
lock() { until mkdir "$work/lock" 2>/dev/null; do sleep 0.01; done; }
unlock() { rm -r "$work/lock"; }
pay() { lock; local have; have=$(cat "$account"); echo $((have + $1)) >"$account"; unlock; }
for n in 1 2 3 4 5 6; do ( for k in 1 2 3; do pay $((n * k)); done ) & done; wait
echo "balance $(cat "$account")"
( cd /; account=nothing; echo "in a subshell: $PWD $account" ); echo "outside: ${account##*/}"
x=5; (x=6; (x=7; echo "x=$x"); echo "x=$x"); echo "x=$x"
echo $(( (1 << 10) | 7 )) $(( 17 % 5 )) $(( -17 / 5 )) $(( 2 ** 20 )) $(( 0x1f + 010 + 2#101 )) $((x > 4 ? 1 : 2))
i=0; while (( i++ < 10 )); do (( i % 3 )) || continue; (( i > 8 )) && break; printf '%d ' $i; done; echo "i=$i"
for (( a = 0, b = 10; a < b; a += 3, b -= 2 )); do printf '(%d,%d) ' $a $b; done; echo

section strings: expansions and patterns
s=/usr/local/share/naos/notes.tar.gz
echo "${s##*/} ${s%/*} ${s%%.*} ${s#*.} ${s: -6} ${s:1:9} ${#s}"
echo "${s/naos/NAOS} ${s//a/A} ${s/%gz/xz}"
echo "${unset_one:-default} ${unset_two:=assigned} $unset_two ${s:+there}"
v=name; declare name="indirect value"; echo "${!v}"; declare -n ref=name; ref=changed; echo "$name"
words=(one "two words" three); echo "${#words[@]} ${words[1]} ${words[@]:1} ${!words[@]}"; printf '<%s>' "${words[@]}"; echo
IFS=: read -r a b rest <<<"x:y:z:w"; echo "$a $b $rest"
printf '%s|%5d|%-5d|%05d|%x|%o|%e|%q\n' text 42 42 42 255 8 1234.5 'a b'
echo {a..e} {1..10..3} {x,y}{1,2} pre{-,+}post
case abc123 in [a-z]*[0-9]) echo "letters, then digits";; *) echo other;; esac
[[ 2024-05-17 =~ ^([0-9]+)-([0-9]+)-([0-9]+)$ ]] && echo "${BASH_REMATCH[@]:1}"
shopt -s extglob nullglob; touch_them() { for f; do : >"$f"; done; }; touch_them a1 a2 b1 c.txt
echo [ab]*; echo !(*.txt|src|out|queue|done*|*log|account); echo nothing*; shopt -u nullglob

section redirections: descriptors, here-strings, process substitution
exec 3>log 4<src/alpha.in 5<>both
echo "to three" >&3; read -r first <&4; echo "$first"; echo both >&5; exec 3>&- 4<&- 5>&-
cat log both
{ echo out; echo err >&2; } 2>&1 >/dev/null | sed 's/^/piped: /'
{ { echo one; echo two >&2; } 2>&1 1>&3 | tr a-z A-Z; } 3>&1 | sort
cat - <(echo substituted) <<<"a here-string"
tee >(tr a-z A-Z >upper) >lower <<<"Mixed Case"; sleep 0.3; cat upper lower
exec 6>&1 >captured; echo "hidden for now"; exec >&6 6>&-; cat captured
wc -c < <(head -c 100000 /dev/zero) | tr -d ' '; head -c 300000 /dev/zero | tr '\0' x | wc -c | tr -d ' '
: >|log; set -C; (echo x >log) 2>/dev/null || echo "noclobber"; set +C
while read -r -u 7 line; do echo "from 7: $line"; done 7< <(printf 'p\nq\n')
mapfile -t lines < <(seq 3 5); echo "${lines[@]}"; mapfile -t -s 1 -n 1 lines < <(seq 3 5); echo "${lines[@]}"

section status: pipes, errexit, exits
false | true | (exit 3); echo "${PIPESTATUS[@]}"; set -o pipefail; true | (exit 4) | true; echo "pipefail $?"; set +o pipefail
! true; echo "not $?"; false || echo "or"; true && echo "and"
( set -e; false; echo never ); echo "errexit $?"
( set -e; if false; then :; fi; false || :; echo "still here" ); echo "errexit $?"
( set -u; echo "$not_set_anywhere" ) 2>/dev/null; echo "nounset $?"
/no/such/program 2>/dev/null; echo "missing $?"; (: >plain; ./plain) 2>/dev/null; echo "not executable $?"
bash -c 'exit 42'; echo "child $?"; bash -c 'kill -KILL $$' 2>/dev/null; echo "killed $?"; env bash -c 'exit 300'; echo "wrapped $?"
f() { return 77; }; f; echo "function $?"; eval 'exit_code=5; (exit $exit_code)'; echo "eval $?"
trap 'echo "ERR at work"' ERR; false; trap - ERR
sleep_and() { sleep 0.1; echo "slept $1"; }; for n in 3 1 2; do sleep_and $n & wait $!; done

section recursion and many processes
hanoi() { (( $1 == 0 )) && return; hanoi $(($1 - 1)) $2 $4 $3; moves=$((moves + 1)); hanoi $(($1 - 1)) $4 $3 $2; }
moves=0; hanoi 8 a b c; echo "hanoi $moves"
depth() { (( $1 )) && echo "$(depth $(($1 - 1)))" || echo bottom; }; depth 8
n=0; for i in $(seq 60); do n=$((n + $(echo 1))); done; echo "substitutions $n"
seq 30 | while read -r i; do echo "$i" | cat | cat; done | tail -n 1
ls /proc/self/fd >/dev/null && echo "proc is there"
coproc UPPER { while read -r l; do echo "${l^^}"; done; }
for w in first second; do echo $w >&"${UPPER[1]}"; read -r answer <&"${UPPER[0]}"; echo "$answer"; done
eval "exec ${UPPER[1]}>&-"; wait "$UPPER_PID"; echo "coproc $?"
time_out() { ( "$@" & child=$!; ( sleep 0.3; kill $child ) 2>/dev/null & wait $child ); }
time_out sleep 5 2>/dev/null; echo "timed out $?"
getopts_test() { local OPTIND o; while getopts 'ab:c' o; do printf '%s=%s ' "$o" "${OPTARG:-}"; done; shift $((OPTIND - 1)); echo "rest $*"; }
getopts_test -a -b value -c one two
select_once() { PS3='? '; select c in red green; do echo "chose $c"; break; done; }; select_once <<<2 2>/dev/null
trap 'echo "the end, status $?"; cd /; rm -r "$work"' EXIT
exit 6
