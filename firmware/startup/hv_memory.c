/* hv_memory.c: the functions of <string.h> that compilers call on their own (GCC manual, "Standards";
 * GCC 12 also turns loops into strlen). Word by word where both sides are aligned; nothing cleverer. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* May overlay objects of any type, as memcpy must. */
typedef uint32_t __attribute__((may_alias)) word_t;

static size_t is_word_aligned(const void *pointer)
{
    return ((uintptr_t)pointer % sizeof(word_t)) == 0u;
}

void *memcpy(void *restrict destination, const void *restrict source, size_t size)
{
    uint8_t *to = destination;
    const uint8_t *from = source;
    size_t done = 0u;
    if (is_word_aligned(to) && is_word_aligned(from)) {
        for (; size - done >= sizeof(word_t); done += sizeof(word_t)) {
            *(word_t *)(void *)&to[done] = *(const word_t *)(const void *)&from[done];
        }
    }
    for (; done < size; done++) {
        to[done] = from[done];
    }
    return destination;
}

void *memmove(void *destination, const void *source, size_t size)
{
    uint8_t *to = destination;
    const uint8_t *from = source;
    if ((uintptr_t)to <= (uintptr_t)from) {
        for (size_t i = 0u; i < size; i++) {
            to[i] = from[i];
        }
    } else {
        for (size_t i = size; i > 0u; i--) {
            to[i - 1u] = from[i - 1u];
        }
    }
    return destination;
}

void *memset(void *destination, int value, size_t size)
{
    uint8_t *to = destination;
    const uint8_t byte = (uint8_t)value;
    size_t done = 0u;
    if (is_word_aligned(to)) {
        const word_t word = (word_t)byte * 0x01010101u;
        for (; size - done >= sizeof(word_t); done += sizeof(word_t)) {
            *(word_t *)(void *)&to[done] = word;
        }
    }
    for (; done < size; done++) {
        to[done] = byte;
    }
    return destination;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t i = 0u; i < size; i++) {
        if (a[i] != b[i]) {
            return (int)a[i] - (int)b[i];
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0u;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}
