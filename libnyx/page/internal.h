/* page/internal -- what the files of page/ share. */
#ifndef NYX_PAGE_INTERNAL_H
#define NYX_PAGE_INTERNAL_H

#include "page/page.h"

void nyx_page__bytes(nyx_page *page, const char *text, int64_t bytes); /* as they are */
void nyx_page__escape(nyx_page *page, const char *text);               /* for the kind of page */

/* The character at `text` (not at its end) and its length; U+FFFD, length 1,
 * where the bytes are no UTF-8. */
uint32_t nyx_page__character(const char *text, int *length);

#endif
