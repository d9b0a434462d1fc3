# add: /bin/busybox
cat > s <<'S'
set -e
B=/bin/busybox
$B seq 10 | $B head -3 | $B tac; echo hello | $B md5sum; echo hello | $B gzip | $B zcat; $B seq 3 | $B sed 's/2/two/;$d'; echo 'a:b' | $B cut -d: -f2
$B mkdir -p x/y; echo 1 > x/y/f; $B tar cf t.tar x; $B tar tf t.tar; $B find x -type f; $B cp -r x z; $B diff x/y/f z/y/f && echo same; $B rm -r x z
$B awk 'BEGIN { for (i = 0; i < 3; i++) print i, i * i }'; $B printf '%s-%s\n' a b; $B expr 3 + 4; $B dd if=/dev/zero bs=1k count=4 2>/dev/null | $B wc -c; echo abc | $B od -c; $B basename /a/b; $B date -u -d @0 +%F
echo 'c b a' | $B xargs -n1 echo | $B sort; $B timeout 1 $B sleep 5 || echo "timeout $?"; $B sh -c 'kill -TERM $$' || echo "killed $?"; echo text | $B vi -h >/dev/null 2>&1 || echo vi; $B stat -c %a /tmp; echo 'x = 6 * 7
x' | $B bc; $B uname -s; $B id -u; $B readlink -f /bin/../tmp; $B nproc | $B grep -c .; $B mktemp -u | $B wc -c
S
/bin/busybox sh s; echo "status $?"
