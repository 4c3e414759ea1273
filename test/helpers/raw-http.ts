import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Has a host listen on a free port of 127.0.0.1. */
export async function listen (app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return port
}

/** Sends these bytes, a write each, and answers all that comes back until the server hangs up. */
export async function exchange (port: number, ...writes: (string | Uint8Array)[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.setTimeout(10_000, () => { socket.destroy(new Error('the server does not hang up')) })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => { chunks.push(chunk) })
  const closed = once(socket, 'close')
  await once(socket, 'connect')
  for (const bytes of writes) await new Promise<void>((resolve) => { socket.write(bytes, () => { resolve() }) })
  await closed
  return Buffer.concat(chunks).toString('latin1')
}
