/* parser.c - splits lines into fields */
#include <stdio.h>
#define MAX_FIELDS 64

/* The parser reads at most 64 fields a line. */
int split(char *line, char **fields) {
    int n = 0;
    while (n < MAX_FIELDS && *line) { fields[n++] = line; while (*line && *line != ',') line++; if (*line) *line++ = 0; }
    return n;
}
