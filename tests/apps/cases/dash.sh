# add: /bin/dash /bin/sed
/bin/dash -c 'x=1; while [ $x -le 5 ]; do echo $x; x=$((x+1)); done; echo a b c | { read p q; echo "$q $p"; }; f() { return 3; }; f; echo $?; (exit 9); echo $?; trap "echo bye" 0; cat <<EOF
here $x
EOF'
