# add: /usr/bin/bison /usr/share/bison /usr/bin/flex /usr/bin/m4 /usr/bin/ninja /usr/bin/gcc /usr/bin/gperf /bin/sh /usr/bin/strip /usr/bin/nm /usr/bin/objdump /usr/bin/readelf
# timeout: 120
set -e
cat > calc.y <<'Y'
%{
#include <stdio.h>
#include <ctype.h>
int yylex(void); void yyerror(const char *s) { puts(s); }
%}
%token NUM
%left '+' '-'
%left '*' '/'
%%
input: | input line; line: '\n' | expr '\n' { printf("= %d\n", $1); };
expr: NUM | expr '+' expr { $$ = $1 + $3; } | expr '*' expr { $$ = $1 * $3; } | '(' expr ')' { $$ = $2; };
%%
int main(void) { return yyparse(); }
Y
cat > lex.l <<'L'
%{
#include "calc.tab.h"
extern int yylval;
%}
%option noyywrap noinput nounput
%%
[0-9]+ { yylval = atoi(yytext); return NUM; }
[ ] ;
.|\n return yytext[0];
L
cat > build.ninja <<'N'
rule cc
  command = gcc -O1 -c -o $out $in
rule link
  command = gcc -o $out $in
rule bison
  command = bison -d -o calc.tab.c $in
rule flex
  command = flex -o lex.c $in
build calc.tab.c calc.tab.h: bison calc.y
build lex.c: flex lex.l | calc.tab.h
build calc.o: cc calc.tab.c
build lex.o: cc lex.c
build calc: link calc.o lex.o
N
ninja -j3 calc | tail -1; echo '(1 + 2) * 3 + 4' | ./calc; ninja | tail -1; strip calc; echo '6*7' | ./calc; readelf -h calc | grep -c Entry; nm calc.o | grep -c yyparse; objdump -d calc.o | grep -c ret
printf '%%%%\none\ntwo\n%%%%\n' | gperf | grep -c in_word_set
