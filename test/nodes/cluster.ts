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
  /** The plugin's option, in milliseconds. */
  timeout?: number
  brokenStore?: string | undefined
  recorder: Recorder
}

/** Nodes over one database, each through a proxy of its own. */
export interface Cluster {
  database: Database
  proxies: Proxy[]
  /** The running processes; one that has been replaced is not among them. */
  nodes: NodeProcess[]
  /** The plugin's option, in milliseconds. */
  timeout: number
  /** How many statements a write takes: with a fence the first draws a number. */
  statementsPerWrite: number
  /** Stops a node and starts another one in its place. */
  replace (index: number, signal: 'SIGTERM' | 'SIGKILL', clockOffset?: number): Promise<void>
  /** Stops all nodes; the database stays. */
  stopNodes (): Promise<void>
  remove (): Promise<void>
}

export async function startCluster ({ size, logFolder, timeout = 1500, brokenStore, recorder }: ClusterSetup): Promise<Cluster> {
  const database = await startDatabase(join(logFolder, 'postgres.log'))
  const indexes = Array.from({ length: size }, (_, index) => index)
  const proxies = await Promise.all(indexes.map(() => startProxy(database.socket)))

  const start = async (index: number, clockOffset = 0) => {
    const node = await startNode({
      index,
      databaseUrl: urlOf(proxies[index]!),
      logFile: join(logFolder, `node-${index}.log`),
      timeout,
      clockOffset,
      brokenStore
    })
    node.exited.then(() => { if (!node.leaving) recorder.addProblem(`node ${index} exited on its own`) })
    return node
  }
  const stop = async (node: NodeProcess, signal: 'SIGTERM' | 'SIGKILL') => {
    const code = await node.kill(signal)
    if (signal === 'SIGTERM' && code !== 0) recorder.addProblem(`node ${node.index} exited with ${code} at ${signal}`)
  }
  const nodes = await Promise.all(indexes.map((index) => start(index)))

  return {
    database,
    proxies,
    nodes,
    timeout,
    statementsPerWrite: brokenStore === 'unfenced' ? 1 : 2,
    async replace (index, signal, clockOffset) {
      await stop(nodes[index]!, signal)
      nodes[index] = await start(index, clockOffset)
    },
    async stopNodes () {
      await Promise.all(nodes.map((node) => stop(node, 'SIGTERM')))
    },
    async remove () {
      await Promise.all(nodes.filter(({ leaving }) => !leaving).map((node) => node.kill('SIGKILL')))
      for (const proxy of proxies) proxy.close()
      await database.remove()
    }
  }
}

/** Returns the URL of the database as a node sees it through a proxy. */
export function urlOf ({ port }: Proxy): string {
  return `postgresql://postgres@127.0.0.1:${port}/postgres`
}
