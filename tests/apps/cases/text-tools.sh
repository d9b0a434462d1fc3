# add: /usr/bin/awk /usr/bin/mawk /bin/sed /bin/grep /usr/bin/seq
seq 1 1000 | awk '{s+=$1; if ($1%100==0) print $1, s} END{printf "%.2f\n", s/NR}'
printf 'b 2\na 1\n' | awk '{m[$1]=$2} END{for(k in m) n++; print n, m["a"]}'
echo 'x=1;y=2' | sed -e 's/\([a-z]\)=\([0-9]\)/\2=\1/g' -e 's/;/\n/'
seq 20 | sed -n '5,7p;$p'; seq 100 | grep -c 1; printf 'foo\nbar\n' | grep -nE 'o{2}|r$'
awk 'BEGIN{"echo sub" | getline x; print x; system("exit 3"); print length("abc") > "/dev/stderr"}' 2>/dev/null
