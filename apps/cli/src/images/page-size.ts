/** Page size in bytes of the guests whose RAM images are read and written. */
export const PAGE_SIZE = 4096;
