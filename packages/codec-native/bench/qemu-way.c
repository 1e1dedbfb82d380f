/*
 * What a QEMU does with a channel's pages, with the libraries that a QEMU of this machine links: one stream, fed page
 * by page, flushed at each packet's end; zlib from a copy of each page, zstd from guest memory. And the way back, from
 * a buffer that each payload arrives in.
 * For comparison only: prints one line of JSON. Built and run by compare.mjs.
 *
 *   qemu-way zlib|zstd LEVEL FILE
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 4096, PACKET = 524288, PAGES = PACKET / PAGE, ROOM = 2 * PACKET };

/* zlib's and zstd's own, as their stable interfaces have them: headers may not be installed. */
typedef struct {
  const unsigned char *next_in; unsigned avail_in; unsigned long total_in;
  unsigned char *next_out; unsigned avail_out; unsigned long total_out;
  const char *msg; void *state, *zalloc, *zfree, *opaque; int data_type; unsigned long adler, reserved;
} zlib_stream;
typedef struct { const void *bytes; size_t size, pos; } in_buffer;
typedef struct { void *bytes; size_t size, pos; } out_buffer;
enum { NO_FLUSH = 0, SYNC_FLUSH = 2, E_CONTINUE = 0, E_FLUSH = 1 };

static void *library;
static void *function(const char *name) {
  void *found = dlsym(library, name);
  if (!found) { fprintf(stderr, "no %s\n", name); exit(1); }
  return found;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static void fail(const char *what) { fprintf(stderr, "%s failed\n", what); exit(1); }

int main(int count, char **words) {
  if (count != 4) fail("usage");
  int zlib = !strcmp(words[1], "zlib"), level = atoi(words[2]);
  library = dlopen(zlib ? "libz.so.1" : "libzstd.so.1", RTLD_NOW);
  if (!library) fail(dlerror());
  FILE *file = fopen(words[3], "rb");
  if (!file) fail("open");
  fseek(file, 0, SEEK_END);
  size_t size = ftell(file) / PACKET * PACKET, packets = size / PACKET, total = 0;
  rewind(file);
  unsigned char *memory = malloc(size), *back = malloc(size), *coded = malloc(size + size / 8 + ROOM), page[PAGE], *arrived = malloc(ROOM);
  size_t *sizes = calloc(packets, sizeof *sizes);
  if (fread(memory, 1, size, file) != size) fail("read");
  /* Touched before the clock runs. */
  memset(back, 1, size);
  memset(arrived, 1, ROOM);
  memset(coded, 1, size + size / 8 + ROOM);

  double start = seconds();
  if (zlib) {
    zlib_stream stream = {0};
    int (*init)(zlib_stream *, int, const char *, int) = function("deflateInit_");
    int (*deflate)(zlib_stream *, int) = function("deflate");
    const char *(*version)(void) = function("zlibVersion");
    if (init(&stream, level, version(), sizeof stream)) fail("deflateInit");
    for (size_t packet = 0; packet < packets; packet++) {
      stream.next_out = coded + total;
      stream.avail_out = ROOM;
      for (int index = 0; index < PAGES; index++) {
        memcpy(page, memory + packet * PACKET + index * PAGE, PAGE);
        stream.next_in = page;
        stream.avail_in = PAGE;
        if (deflate(&stream, index == PAGES - 1 ? SYNC_FLUSH : NO_FLUSH)) fail("deflate");
      }
      total += sizes[packet] = ROOM - stream.avail_out;
    }
  } else {
    void *(*create)(void) = function("ZSTD_createCStream");
    size_t (*init)(void *, int) = function("ZSTD_initCStream");
    size_t (*compress)(void *, out_buffer *, in_buffer *, int) = function("ZSTD_compressStream2");
    void *stream = create();
    init(stream, level);
    for (size_t packet = 0; packet < packets; packet++) {
      out_buffer out = {coded + total, ROOM, 0};
      for (int index = 0; index < PAGES; index++) {
        in_buffer in = {memory + packet * PACKET + index * PAGE, PAGE, 0};
        size_t left;
        do {
          left = compress(stream, &out, &in, index == PAGES - 1 ? E_FLUSH : E_CONTINUE);
        } while (left > 0 && in.pos < in.size && out.pos < out.size);
      }
      total += sizes[packet] = out.pos;
    }
  }
  double compressed = seconds() - start;

  start = seconds();
  size_t at = 0;
  if (zlib) {
    zlib_stream stream = {0};
    int (*init)(zlib_stream *, const char *, int) = function("inflateInit_");
    int (*inflate)(zlib_stream *, int) = function("inflate");
    const char *(*version)(void) = function("zlibVersion");
    if (init(&stream, version(), sizeof stream)) fail("inflateInit");
    for (size_t packet = 0; packet < packets; at += sizes[packet++]) {
      memcpy(arrived, coded + at, sizes[packet]);
      stream.next_in = arrived;
      stream.avail_in = sizes[packet];
      for (int index = 0; index < PAGES; index++) {
        stream.next_out = back + packet * PACKET + index * PAGE;
        stream.avail_out = PAGE;
        if (inflate(&stream, index == PAGES - 1 ? SYNC_FLUSH : NO_FLUSH)) fail("inflate");
      }
    }
  } else {
    void *(*create)(void) = function("ZSTD_createDStream");
    size_t (*decompress)(void *, out_buffer *, in_buffer *) = function("ZSTD_decompressStream");
    void *stream = create();
    for (size_t packet = 0; packet < packets; at += sizes[packet++]) {
      memcpy(arrived, coded + at, sizes[packet]);
      in_buffer in = {arrived, sizes[packet], 0};
      for (int index = 0; index < PAGES; index++) {
        out_buffer out = {back + packet * PACKET + index * PAGE, PAGE, 0};
        size_t left;
        do {
          left = decompress(stream, &out, &in);
        } while (left > 0 && in.pos < in.size && out.pos < out.size);
      }
    }
  }
  double decompressed = seconds() - start;
  if (memcmp(memory, back, size)) fail("the way back");
  printf("{\"pageBytes\":%zu,\"payloadBytes\":%zu,\"compress\":%.6f,\"decompress\":%.6f}\n", size, total, compressed,
         decompressed);
}
