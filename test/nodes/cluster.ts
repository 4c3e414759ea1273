import { join } from 'node:path'
import type { Database } from './database.ts'
import { startDatabase } from './database.ts'
import { startNode, type NodeProcess } from './node-process.ts'
import { startProxy, type Proxy } from './proxy.ts'
import type { Recorder } from './recorder.ts'

export interface ClusterSetup {
  /** How many nodes. */
  size: number
  /** Where nodes and database write their logs. */
  logFolder: string
  brokenStore?: string | undefined
  recorder: Recorder
}

/** Some nodes over one database, each through a proxy of its own. */
export interface Cluster {
  database: Database
  proxies: Proxy[]
  /** The processes that run now; one that has been replaced is not among them. */
  nodes: NodeProcess[]
  /** Ends a node and starts another one in its place. */
  replace (index: number, signal: 'SIGTERM' | 'SIGKILL', clockOffset?: number): Promise<void>
  /** Stops all nodes; the database stays. */
  stopNodes (): Promise<void>
  remove (): Promise<void>
}

export async function startCluster ({ size, logFolder, brokenStore, recorder }: ClusterSetup): Promise<Cluster> {
  const database = await startDatabase(join(logFolder, 'postgres.log'))
  const indexes = Array.from({ length: size }, (_, index) => index)
  const proxies = await Promise.all(indexes.map(() => startProxy(database.socket)))

  const start = async (index: number, clockOffset = 0) => {
    const node = await startNode({
      index,
      databaseUrl: `postgresql://postgres@127.0.0.1:${proxies[index]!.port}/postgres`,
      logFile: join(logFolder, `node-${index}.log`),
      clockOffset,
      brokenStore
    })
    node.exited.then(() => { if (!node.leaving) recorder.complain(`node ${index} exited on its own`) })
    return node
  }
  const end = async (node: NodeProcess, signal: 'SIGTERM' | 'SIGKILL') => {
    const code = await node.kill(signal)
    if (signal === 'SIGTERM' && code !== 0) recorder.complain(`node ${node.index} exited with ${code} at ${signal}`)
  }
  const nodes = await Promise.all(indexes.map((index) => start(index)))

  return {
    database,
    proxies,
    nodes,
    async replace (index, signal, clockOffset) {
      await end(nodes[index]!, signal)
      nodes[index] = await start(index, clockOffset)
    },
    async stopNodes () {
      await Promise.all(nodes.map((node) => end(node, 'SIGTERM')))
    },
    async remove () {
      await Promise.all(nodes.filter(({ leaving }) => !leaving).map((node) => node.kill('SIGKILL')))
      for (const proxy of proxies) proxy.close()
      await database.remove()
    }
  }
}
