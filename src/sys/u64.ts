/** 64-bit fields of the kernel, as two words of 32 bits. */

/** The value of one unit of the high word; also the first number that does not fit into 32 bits. */
export const HIGH_WORD = 2 ** 32;
