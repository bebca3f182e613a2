# Compiles, links and runs a program of two objects and a library.
mkdir -p /root/compile
cd /root/compile
cat > greet.c <<'C'
#include <stdio.h>
void greet(const char *whom) { printf("Hello, %s\n", whom); }
C
cat > main.c <<'C'
#include <math.h>
#include <stdio.h>
void greet(const char *whom);
int main(int argc, char **argv) {
  greet(argc > 1 ? argv[1] : "nobody");
  printf("%.6f\n", sqrt(2.0 * argc));
  return 0;
}
C
gcc -O2 -Wall -Werror -c greet.c
gcc -O2 -Wall -Werror -c main.c
ar rcs libgreet.a greet.o
gcc -shared -fPIC -o libgreet.so greet.c
gcc -o static main.o libgreet.a -lm
gcc -o shared main.o -L. -lgreet -lm -Wl,-rpath,/root/compile
./static layers
./shared layers
