import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP proxy whose connections can be paused: what is sent meanwhile arrives after they are resumed. */
export interface PausableProxy {
  port: number
  pause (): void
  resume (): void
  /** Resets the connections that are open. */
  reset (): void
  close (): void
}

/** Starts a proxy to a port of 127.0.0.1 on a free port there. */
export async function startPausableProxy (target: number): Promise<PausableProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(from)
      from.on('data', (bytes) => { to.write(bytes) })
      from.on('error', () => {})
      from.on('close', () => { to.destroy() })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    port: (server.address() as AddressInfo).port,
    pause () { for (const socket of sockets) socket.pause() },
    resume () { for (const socket of sockets) socket.resume() },
    reset () { for (const socket of sockets) socket.resetAndDestroy() },
    close () {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
