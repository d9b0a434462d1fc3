# add: /usr/bin/stress-ng
# status-only
# timeout: 60
stress-ng --vm 2 --vm-bytes 64M --verify -t 3 --temp-path . 2>&1
