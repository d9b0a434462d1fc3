# add: /bin/cat
go-http; echo "status $?"
