# add: /usr/bin/stress-ng
# status-only
# timeout: 60
stress-ng --timer 2 --verify -t 3 --temp-path . 2>&1
