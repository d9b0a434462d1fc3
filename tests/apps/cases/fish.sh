# add: /usr/bin/fish /usr/share/fish /bin/fgrep
fish -c 'for i in (seq 3); echo "n $i"; end; set -l x a b c; echo (count $x) $x[2]; function f; echo "f $argv"; end; f 1 2; echo hi | string upper; math 6 x 7; false; or echo failed'
