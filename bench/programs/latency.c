/*
 * latency DIRECTORY NAMES COUNT PAUSE: stats the first COUNT of the paths in the file NAMES, each once, with PAUSE
 * microseconds between two, and prints the median and the 99th percentile of the times in microseconds. Parent
 * directories are looked up before, so that each time is that of one request.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int compare(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int count = atoi(argv[3]), pause = atoi(argv[4]);
  int directory = open(argv[1], O_PATH | O_DIRECTORY);
  if (directory < 0) return perror(argv[1]), 1;
  FILE *file = fopen(argv[2], "r");
  if (!file) return perror(argv[2]), 1;

  char **names = calloc(count, sizeof *names), *line = NULL;
  size_t size = 0;
  int found = 0;
  struct stat st;
  while (found < count && getline(&line, &size, file) > 0) {
    line[strcspn(line, "\n")] = 0;
    names[found++] = strdup(line);
    *strrchr(line, '/') = 0;
    if (fstatat(directory, line, &st, AT_SYMLINK_NOFOLLOW)) return perror(line), 1;
  }

  double *times = calloc(found, sizeof *times);
  for (int i = 0; i < found; i++) {
    if (pause) usleep(pause);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (fstatat(directory, names[i], &st, AT_SYMLINK_NOFOLLOW)) return perror(names[i]), 1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    times[i] = (end.tv_sec - begin.tv_sec) * 1e6 + (end.tv_nsec - begin.tv_nsec) / 1e3;
  }
  qsort(times, found, sizeof *times, compare);
  printf("%.3f %.3f\n", times[found / 2], times[found * 99 / 100]);
  return 0;
}
