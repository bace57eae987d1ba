import { setFlagsFromString } from "node:v8";

/**
 * Tunes V8's garbage collection for a program that moves bytes.
 *
 * V8 watches how long objects live that come from one place in the code, and moves the place to the old generation when
 * many of them survive, as those of the first sessions do while the program warms up. From then on a session is born old: it
 * waits for a full collection, and keeps everything young that it points to alive until then. 5 KiB of each session
 * survived every minor collection, which then took ten times as long.
 *
 * Every TLS record is a buffer outside V8's heap. By default V8 collects the whole heap each time 64 MiB of such buffers
 * have been allocated, sixteen times for each gigabyte, and marks everything that the program has loaded each time; that
 * cost half of the CPU of a TLS upload. Counted together with the heap, the buffers no longer have a limit of their own.
 */
export function tuneGarbageCollection(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString("--external-memory-accounted-in-global-limit");
}
