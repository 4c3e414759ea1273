import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Event } from './history.ts'

/** A SQL statement on its way from a node to the database. */
export interface Statement {
  /** The operation on whose behalf the node sends it. */
  operation: number
  kind: Event['kind']
  /** Which statement of this operation it is, from 1. */
  number: number
}

/** A statement that the proxy holds back, and with it everything that follows on its connection. */
export interface HeldStatement {
  operation: number
  /** The process id of the PostgreSQL backend that serves the connection; unknown behind a pooler. */
  backend: number | undefined
  /** Sends the statement on, even if the node has closed the connection meanwhile. */
  pass (): void
  /** Sends this many bytes of the statement on, then closes the connection. */
  cut (afterBytes: number): Promise<void>
  /** Sends the statement on and this many bytes of its result back, then closes the connection. */
  cutResult (afterBytes: number): Promise<void>
  /** Resolves once the database has sent a result of the passed statement or has closed the connection. */
  finished: Promise<void>
}

/** Connects one node to the database, and fails as networks do. */
export interface Proxy {
  port: number
  /** Holds back the next statement that matches. */
  holdNext (matches: (statement: Statement) => boolean): Promise<HeldStatement>
  /** From now on the open connections drop every byte and stay open. New ones work. */
  freeze (): void
  close (): void
}

interface Link {
  node: Socket
  database: Socket
  backend?: number | undefined
  dropsAll: boolean
  /** What the node has sent since a statement was held back. */
  held?: Buffer[] | undefined
  /** How many bytes may still go to the node. */
  resultBytes: number
  onResult?: () => void
}

interface Hold {
  matches: (statement: Statement) => boolean
  resolve: (held: HeldStatement) => void
}

/** Starts a proxy to the database's Unix socket on a free port of 127.0.0.1. */
export async function startProxy (socket: string): Promise<Proxy> {
  const links = new Set<Link>()
  const holds = new Set<Hold>()

  const server = createServer((node) => {
    const database = connect(socket)
    const link: Link = { node, database, dropsAll: false, resultBytes: Infinity }
    links.add(link)

    node.on('data', (bytes) => {
      if (link.dropsAll) return
      if (link.held !== undefined) {
        link.held.push(bytes)
        return
      }
      const statement = readStatement(bytes)
      const hold = statement && [...holds].find(({ matches }) => matches(statement))
      if (statement === undefined || hold === undefined) {
        database.write(bytes)
        return
      }
      holds.delete(hold)
      link.held = [bytes]
      hold.resolve(heldStatement(link, statement))
    })
    database.on('data', (bytes) => {
      if (link.dropsAll) return
      link.backend ??= readBackend(bytes)
      node.write(bytes.subarray(0, link.resultBytes))
      link.resultBytes -= bytes.length
      if (link.resultBytes <= 0) close(link)
      link.onResult?.()
    })

    for (const side of [node, database]) side.on('error', () => {})
    // What the node has sent before it closed the connection still reaches the database, as over TCP.
    node.on('close', () => {
      if (link.dropsAll) close(link)
      else if (link.held === undefined) database.end()
    })
    database.on('close', () => { close(link) })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  function close (link: Link): void {
    link.node.destroy()
    link.database.destroy()
    links.delete(link)
    link.onResult?.()
  }

  function heldStatement (link: Link, { operation }: Statement): HeldStatement {
    const finished = new Promise<void>((resolve) => { link.onResult = resolve })
    const pass = () => {
      const { held = [] } = link
      link.held = undefined
      for (const bytes of held) link.database.write(bytes)
      if (link.node.destroyed) link.database.end()
    }
    return {
      operation,
      backend: link.backend,
      finished,
      pass,
      async cut (afterBytes) {
        await new Promise((resolve) => { link.database.write(link.held![0]!.subarray(0, afterBytes), resolve) })
        close(link)
      },
      async cutResult (afterBytes) {
        link.resultBytes = afterBytes
        pass()
        await finished
      }
    }
  }

  return {
    port: (server.address() as AddressInfo).port,
    holdNext: (matches) => new Promise((resolve) => { holds.add({ matches, resolve }) }),
    freeze () {
      for (const link of links) link.dropsAll = true
    },
    close () {
      server.close()
      for (const link of links) close(link)
    }
  }
}

/** Reads the comment that node.ts puts before every statement. */
function readStatement (bytes: Buffer): Statement | undefined {
  const [, kind, operation, number] = /\/\* (\w+) (\d+), statement (\d+) \*\//.exec(bytes.toString('latin1')) ?? []
  if (kind === undefined) return undefined
  return { operation: Number(operation), kind: kind as Statement['kind'], number: Number(number) }
}

// The message BackendKeyData: a letter, its length, the process id, a secret key.
const backendKeyData = Buffer.from([0x4b, 0, 0, 0, 12])

/** Reads the process id of the backend from the messages with which PostgreSQL starts a connection. */
function readBackend (bytes: Buffer): number | undefined {
  const at = bytes.indexOf(backendKeyData)
  return at < 0 ? undefined : bytes.readInt32BE(at + backendKeyData.length)
}
