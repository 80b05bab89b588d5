/**
 * What glibc's allocator has to be told before a process starts (mallopt(3)): left alone it keeps what images needed, a third of
 * a gigabyte after a dozen of them, and in each subgraph 60 to 90 MiB of what compiling Prisma's WebAssembly needed at the
 * start. V8 asks for that in pieces of 32 KiB, which go back to the system when each has a mapping of its own. Other systems
 * do not read these.
 */
export const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '32768', MALLOC_TRIM_THRESHOLD_: '131072' };
