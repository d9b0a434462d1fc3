# add: /bin/cat
go-dynamic; echo "status $?"
