/** Lets the process exit when it is told to stop: a signal alone would leave the database behind. */
export function exitOnSignal (): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { process.exit(1) })
}
