/**
 * What holds where neither the tunnel nor `defaults:` says anything, as it would be written in a file.
 * The only place: the schema's descriptions, the JSON Schema and the page about configuration take it from here.
 */
export const builtIn = {
  drainTimeout: "30s",
  timeouts: { handshake: "10s", idle: "1h", stall: "5m", halfClose: "1m", lifetime: "0" },
  limits: {
    connections: 0,
    perClient: 0,
    perClientPrefix: { v4: 32, v6: 64 },
    queue: 0,
    queueTimeout: "5s",
    bandwidth: "0",
    sessionBandwidth: "0",
  },
  connect: { timeout: "5s", attempts: 3, deadline: "15s", race: "250ms" },
  passive: { failures: 3, eject: "10s", resets: false, maxEjected: 50 },
  health: { interval: "5s", timeout: "2s", rise: 2, fall: 3, initial: "up" },
  failover: "connect",
  slowStart: "0",
} as const;
