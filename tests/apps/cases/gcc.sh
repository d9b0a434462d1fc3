# add: /usr/bin/gcc /usr/bin/cpp /usr/bin/as /usr/bin/ld /usr/bin/ar /usr/lib/gcc/x86_64-linux-gnu/12 /usr/include /usr/lib/x86_64-linux-gnu/crt1.o /usr/lib/x86_64-linux-gnu/Scrt1.o /usr/lib/x86_64-linux-gnu/crti.o /usr/lib/x86_64-linux-gnu/crtn.o /usr/lib/x86_64-linux-gnu/libc.so /usr/lib/x86_64-linux-gnu/libc_nonshared.a /usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libm.so.6 /usr/lib/x86_64-linux-gnu/libmvec.so.1 /usr/lib/x86_64-linux-gnu/libm.so /usr/lib/x86_64-linux-gnu/libpthread.a /usr/bin/make
# timeout: 120
set -e
cat > h.c <<'C'
#include <stdio.h>
#include <stdlib.h>
static int cmp(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int c, char **v) { int a[] = {3, 1, 2}; qsort(a, 3, sizeof(*a), cmp); printf("hello from gcc %d%d%d %d\n", a[0], a[1], a[2], c); return 5; }
C
gcc -O2 -Wall -o h h.c; set +e; ./h a b; echo "status $?"; set -e
for i in 1 2 3 4 5 6 7 8; do echo "int f$i(void) { return $i; }" > f$i.c; done
printf 'OBJS=f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o\nlib.a: $(OBJS)\n\tar rcs $@ $^\n%%.o: %%.c\n\tgcc -O2 -c -o $@ $<\n' > Makefile
make -s -j4; ar t lib.a | sort | tr '\n' ' '
