import type { FastifyInstance } from 'fastify'

const closeTimeout = 10_000
const sameKeystroke = 1000

/**
 * Closes the app and exits on SIGINT (Ctrl-C), SIGTERM or SIGHUP, after the pending requests have
 * been responded to. A second Ctrl-C exits at once.
 */
export function stopOnSignal (app: FastifyInstance): void {
  let first: number | undefined

  function stop (signal: NodeJS.Signals): void {
    if (first === undefined) {
      first = performance.now()
      app.log.info(`${signal}: stopping`)
      setTimeout(exitAtOnce, closeTimeout).unref()
      // Fastify closes only the connections that are idle now, not those that become so later.
      setInterval(() => app.server.closeIdleConnections(), 50).unref()
      app.close().then(() => process.exit(0), exitAtOnce)
    // npm forwards the Ctrl-C that the terminal sends to both.
    } else if (performance.now() - first > sameKeystroke) {
      exitAtOnce(`a second ${signal}`)
    }
  }

  function exitAtOnce (reason: unknown = `requests are still pending after ${closeTimeout} ms`): void {
    app.log.error(reason, 'exiting at once')
    process.exit(1)
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
}
