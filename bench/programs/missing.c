/*
 * missing DIRECTORY NAMES ROUNDS: looks up NAMES missing names, ROUNDS times, and prints the seconds that this took.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int names = atoi(argv[2]), rounds = atoi(argv[3]);
  int directory = open(argv[1], O_PATH | O_DIRECTORY);
  if (directory < 0) return perror(argv[1]), 1;
  char(*paths)[32] = calloc(names, sizeof *paths);
  for (int i = 0; i < names; i++) snprintf(paths[i], sizeof paths[i], "no-such-name-%d", i);

  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < names; i++) {
      struct stat st;
      if (fstatat(directory, paths[i], &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) return perror(paths[i]), 1;
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%.9f\n", (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9);
  return 0;
}
