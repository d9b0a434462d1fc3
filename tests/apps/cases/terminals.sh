# add: /usr/bin/tmux /usr/bin/screen /usr/bin/script /usr/bin/expect /usr/share/tcltk /usr/bin/tty /bin/stty /usr/bin/tput /lib/terminfo /usr/share/terminfo /bin/sleep /bin/bash /bin/sh /bin/cat /usr/bin/tr /usr/bin/env /usr/lib/locale/C.utf8
# timeout: 60
export TERM=screen SHELL=/bin/sh
script -qec 'tty; stty size; test -t 0 && echo terminal; exit 4' /dev/null </dev/null | tr -d '\r' | sed 's,/[0-9]*$,/N,'; echo "script ${PIPESTATUS[0]}"
tmux -f /dev/null -L s new-session -d -x 80 -y 24 'sh -c "echo in tmux; stty size; cat"'; seen() { for _ in {1..100}; do tmux -L s capture-pane -p | grep -c "$1" | grep -qx "$2" && break; sleep 0.1; done; }; seen '24 80' 1; tmux -L s send-keys 'typed' Enter; seen typed 2; tmux -L s capture-pane -p | grep . ; tmux -L s kill-server; echo "tmux $?"
expect -c 'log_user 0; spawn bash --norc --noprofile; expect -re {[$#] }; send "sleep 100\r"; sleep 1; send "\x1a"; expect Stopped; puts stopped; send "fg\r"; sleep 1; send "\x03"; expect -re {[$#] }; send "echo st=\$?\r"; expect -re {st=([0-9]+)}; puts $expect_out(1,string); send "exit 3\r"; expect eof; puts [lindex [wait] 3]'
