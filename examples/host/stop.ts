import type { FastifyInstance } from 'fastify'

const patience = 10_000
const sameKeystroke = 1000

/**
 * Closes the app on Ctrl-C and when the process is told to end, and then ends the process. The
 * requests that are under way are answered first. A second Ctrl-C does not wait for them.
 */
export function stopOnSignal (app: FastifyInstance): void {
  let first: number | undefined

  function stop (signal: NodeJS.Signals): void {
    if (first === undefined) {
      first = performance.now()
      app.log.info(`${signal}: stopping`)
      setTimeout(giveUp, patience).unref()
      // Closing ends the connections that are idle now; others would stay open once they are answered.
      setInterval(() => app.server.closeIdleConnections(), 50).unref()
      app.close().then(() => process.exit(0), giveUp)
    // The terminal sends one Ctrl-C to npm too, and npm passes it on.
    } else if (performance.now() - first > sameKeystroke) {
      giveUp(`a second ${signal}`)
    }
  }

  function giveUp (reason: unknown = `requests are still under way after ${patience} ms`): void {
    app.log.error(reason, 'stopped at once')
    process.exit(1)
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
}
