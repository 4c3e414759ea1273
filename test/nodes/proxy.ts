import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** Where to cut a connection that stores a token. */
export interface Cut {
  /** Counted from the statement on its way to the database, or from the answer on its way back. */
  of: 'statement' | 'answer'
  afterBytes: number
}

/** Stands between a node and the database, and does what bad networks do. */
export interface Proxy {
  port: number
  /** Waits for the next statement that stores a token, and answers its operation. */
  nextStatement (): Promise<number>
  /** Cuts the next connection that stores a token, and answers its operation. */
  cutNext (cut: Cut): Promise<number>
  /** From now on the open connections carry nothing and stay open. New ones work. */
  freeze (): void
  close (): void
}

interface Link {
  node: Socket
  database: Socket
  frozen: boolean
  /** Bytes of the answer that still pass. */
  passes: number
  onCut?: () => void
}

/** Starts a proxy to the database's socket on a free port of 127.0.0.1. */
export async function startProxy (socket: string): Promise<Proxy> {
  const links = new Set<Link>()
  let pending: { cut?: Cut, done: (operation: number) => void } | undefined

  const server = createServer((node) => {
    const database = connect(socket)
    const link: Link = { node, database, frozen: false, passes: Infinity }
    links.add(link)

    node.on('data', (bytes) => {
      if (link.frozen) return
      const operation = pending && operationOf(bytes)
      if (pending === undefined || operation === undefined) {
        database.write(bytes)
        return
      }

      const { cut, done } = pending
      pending = undefined
      if (cut?.of === 'statement') {
        link.frozen = true
        database.write(bytes.subarray(0, cut.afterBytes), () => {
          end(link)
          done(operation)
        })
        return
      }
      database.write(bytes)
      if (cut === undefined) return done(operation)
      link.passes = cut.afterBytes
      link.onCut = () => done(operation)
    })
    database.on('data', (bytes) => {
      if (link.frozen) return
      node.write(bytes.subarray(0, link.passes))
      link.passes -= bytes.length
      if (link.passes > 0) return
      end(link)
      link.onCut?.()
    })

    for (const side of [node, database]) {
      side.on('error', () => {})
      side.on('close', () => end(link))
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  function end (link: Link): void {
    link.node.destroy()
    link.database.destroy()
    links.delete(link)
  }

  return {
    port: (server.address() as AddressInfo).port,
    nextStatement: () => new Promise((resolve) => { pending = { done: resolve } }),
    cutNext: (cut) => new Promise((resolve) => { pending = { cut, done: resolve } }),
    freeze () {
      for (const link of links) link.frozen = true
    },
    close () {
      server.close()
      for (const link of links) end(link)
    }
  }
}

/** The operation whose token a node is about to store, if these bytes are of such a statement. */
function operationOf (bytes: Buffer): number | undefined {
  const [, operation] = /\/\* operation (\d+) \*\/[^;]*insert into "scim_token_audit"/.exec(bytes.toString('latin1')) ?? []
  return operation === undefined ? undefined : Number(operation)
}
