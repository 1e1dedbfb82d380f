/*
 * zstd's streaming decoder, zstd_decompress.c as it is, but for how it hands out what it has decoded: past the cache.
 *
 * It copies each byte once, from its window to a page. A store that goes through the cache first reads the page from
 * memory, and puts out of the cache what the next sequences look back at; and nobody here reads the page again. Measured
 * (README, "zstd's decoder"): 4 % of the whole on text and code, 8 to 10 % where much cannot be compressed.
 *
 * Such stores are not ordered with others: multifd_zstd_settle() comes before anybody is told that the pages are there.
 */
#include <emmintrin.h>

#include "common/zstd_internal.h"

enum { LINE = 64 };

static size_t copyPastCache(void* target, size_t room, const void* source, size_t bytes)
{
    size_t const length = MIN(room, bytes);
    BYTE* op = (BYTE*)target;
    const BYTE* ip = (const BYTE*)source;
    size_t left = length;
    if (length >= LINE) {
        /* Whole lines only: a part of one is read all the same. */
        size_t const head = (0 - (size_t)op) % LINE;
        ZSTD_memcpy(op, ip, head);
        op += head; ip += head; left -= head;
        for (; left >= LINE; op += LINE, ip += LINE, left -= LINE) {
            const __m128i* const from = (const __m128i*)ip;
            __m128i* const to = (__m128i*)op;
            __m128i const a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
            __m128i const c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
            _mm_stream_si128(to, a); _mm_stream_si128(to + 1, b);
            _mm_stream_si128(to + 2, c); _mm_stream_si128(to + 3, d);
        }
    }
    if (left > 0) ZSTD_memcpy(op, ip, left);
    return length;
}

/* Its other use is an input of which only a part is there, at a payload's end at most. */
#define ZSTD_limitCopy copyPastCache

#include "decompress/zstd_decompress.c"

void multifd_zstd_settle(void);
void multifd_zstd_settle(void) { _mm_sfence(); }
