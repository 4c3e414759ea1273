/** Runs the `exit` listeners at SIGINT and SIGTERM: without this a signal would leave the database running. */
export function exitOnSignal (): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })
}
