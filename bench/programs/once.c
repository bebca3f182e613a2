/*
 * once unlink|truncate|write|chmod FILE: makes one change, and prints the seconds that it took. The file is looked up
 * before.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int truncated(const char *path) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  return fd < 0 ? -1 : close(fd);
}

static int written(const char *path) {
  int fd = open(path, O_WRONLY);
  return fd < 0 || pwrite(fd, "x", 1, 0) != 1 ? -1 : close(fd);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct stat st;
  if (lstat(argv[2], &st)) return perror(argv[2]), 1;

  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  int failed = !strcmp(argv[1], "unlink")     ? unlink(argv[2])
               : !strcmp(argv[1], "truncate") ? truncated(argv[2])
               : !strcmp(argv[1], "write")    ? written(argv[2])
               : !strcmp(argv[1], "chmod")    ? chmod(argv[2], 0600)
                                              : -2;
  clock_gettime(CLOCK_MONOTONIC, &end);
  if (failed == -2) return 2;
  if (failed) return perror(argv[2]), 1;
  printf("%.9f\n", (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9);
  return 0;
}
