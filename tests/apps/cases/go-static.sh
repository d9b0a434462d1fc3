# add: /bin/cat
go-static; echo "status $?"
