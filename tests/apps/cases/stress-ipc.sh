# add: /usr/bin/stress-ng
# status-only
# timeout: 120
for stressor in poll epoll eventfd timerfd sigfd inotify mq msg sem-sysv shm-sysv splice tee vm-splice fifo; do
    stress-ng --$stressor 2 --verify -t 1 --temp-path . 2>&1 || exit 1
done
