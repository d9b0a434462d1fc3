# add: /usr/bin/vim.tiny /usr/share/vim /bin/ed /usr/bin/less /bin/nano /usr/bin/seq /bin/cat /usr/bin/sponge
seq 5 > f; vim.tiny -es -u NONE -c '%s/3/three/' -c '$put =\"end\"' -c 'wq' f; cat f
printf '1,2d\n$a\nby ed\n.\nw\nq\n' | ed -s f; cat f; less f | cat; seq 3 | sponge f; cat f; printf 'a\n' | less
vim.tiny -es -u NONE -c 'echo 1' -c 'cquit 3' f; echo "vim $?"
