/** Milliseconds to wait for what must come: a busy machine is slow, and only a failing test waits this long. */
export const patience = 60_000;
