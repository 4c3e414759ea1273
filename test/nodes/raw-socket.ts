import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Opens a connection to a host by its address, `http://127.0.0.1:4242`. */
export async function open (address: string): Promise<Socket> {
  const { hostname, port } = new URL(address)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

/** Reads until the host ends the connection. */
export async function readAll (socket: Socket): Promise<string> {
  let received = ''
  socket.setEncoding('latin1').on('data', (text) => { received += text })
  socket.on('error', () => {})
  await new Promise((resolve) => { socket.on('close', resolve) })
  return received
}

/** Sends bytes as they are and reads until the host ends the connection. */
export async function exchange (address: string, bytes: string): Promise<string> {
  const socket = await open(address)
  const received = readAll(socket)
  socket.write(bytes, 'latin1')
  return await received
}

/** The status codes in what a host has sent, in their order. */
export function statuses (received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
}
