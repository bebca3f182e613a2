/*
 * round-trip: a thread sends a message to a thread on another processor, and sleeps until the answer, without any file
 * system. A request to a server cannot take less. Prints the mean in microseconds of three cases: the server sleeps too
 * until the message; it does not sleep; it does not sleep, and works for 8 microseconds before it answers. With one
 * processor only the first is printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 20000 };

struct server {
  int question[2], answer[2];
  int processor;
  double work;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void stay_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (sched_setaffinity(0, sizeof set, &set)) perror("sched_setaffinity"), exit(1);
}

static void *serve(void *argument) {
  struct server *server = argument;
  stay_on(server->processor);
  char byte = 0;
  for (int i = 0; i < ROUNDS; i++) {
    while (read(server->question[0], &byte, 1) != 1)
      if (errno != EAGAIN) perror("read"), exit(1);
    for (double end = now() + server->work; server->work > 0 && now() < end;) continue;
    if (write(server->answer[1], &byte, 1) != 1) perror("write"), exit(1);
  }
  return NULL;
}

static double measure(int client, int processor, int sleeps, double work) {
  struct server server = {.processor = processor, .work = work};
  if (pipe(server.question) || pipe(server.answer)) perror("pipe"), exit(1);
  if (!sleeps) fcntl(server.question[0], F_SETFL, O_NONBLOCK);
  pthread_t thread;
  if (pthread_create(&thread, NULL, serve, &server)) perror("pthread_create"), exit(1);
  stay_on(client);
  char byte = 0;
  double begin = now();
  for (int i = 0; i < ROUNDS; i++)
    if (write(server.question[1], &byte, 1) != 1 || read(server.answer[0], &byte, 1) != 1) perror("pipe"), exit(1);
  double end = now();
  pthread_join(thread, NULL);
  for (int i = 0; i < 2; i++) close(server.question[i]), close(server.answer[i]);
  return (end - begin) / ROUNDS;
}

int main(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return perror("sched_getaffinity"), 1;
  int processors[2], found = 0;
  for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
    if (CPU_ISSET(i, &set)) processors[found++] = i;
  int other = processors[found - 1];
  printf("%.1f", measure(processors[0], other, 1, 0));
  if (found > 1) printf(" %.1f %.1f", measure(processors[0], other, 0, 0), measure(processors[0], other, 0, 8));
  putchar('\n');
  return 0;
}
