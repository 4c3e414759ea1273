import { generateToken } from '../../lib/token.ts'
import type { Client } from './client.ts'
import type { Cluster } from './cluster.ts'
import type { NodeProcess } from './node-process.ts'
import type { Cut } from './proxy.ts'
import type { Random } from './random.ts'
import { until } from './until.ts'

/** What a fault works on, and what it finds out. */
export interface Scene {
  cluster: Cluster
  client: Client
  /** Of operations that a fault has hit: whether the change was made. */
  stored: Map<number, boolean>
  /** Operations that must have been answered in spite of a fault. */
  answered: Set<number>
}

/** Does harm and undoes it once it is felt. Answers what it did in particular. */
export type Fault = (scene: Scene, random: Random) => Promise<string>

const hour = 3_600_000

export const faults: Record<string, Fault> = {
  async 'kill a node amid a generate' ({ cluster, client }, random) {
    const node = random.pick(cluster.nodes)
    await amidGenerate({ cluster, client }, node)
    await cluster.replace(node.index, 'SIGKILL')
    return `node ${node.index}`
  },

  async 'stop a node amid a generate' ({ cluster, client, answered }, random) {
    const node = random.pick(cluster.nodes)
    answered.add(await amidGenerate({ cluster, client }, node))
    await cluster.replace(node.index, 'SIGTERM')
    return `node ${node.index}`
  },

  async 'set the clock of a node off' ({ cluster }, random) {
    const { index } = random.pick(cluster.nodes)
    const offset = random.pick([-hour, hour])
    await cluster.replace(index, 'SIGTERM', offset)
    return `node ${index} by ${offset} ms`
  },

  async 'restart the database, fast' (scene) {
    return await withoutDatabase(scene, 'fast')
  },

  async 'restart the database, immediate' (scene) {
    return await withoutDatabase(scene, 'immediate')
  },

  async 'pause the database' ({ cluster, client }) {
    await cluster.database.pause()
    try {
      await allFail(cluster.nodes, client)
    } finally {
      cluster.database.resume()
    }
    return 'longer than the timeout'
  },

  async 'cut a connection before the statement is complete' (scene, random) {
    return await cutConnection(scene, random, { of: 'statement', afterBytes: random.below(400) }, false)
  },

  async 'cut a connection during the commit' (scene, random) {
    return await cutConnection(scene, random, { of: 'statement', afterBytes: Infinity })
  },

  async 'cut a connection after the commit' (scene, random) {
    return await cutConnection(scene, random, { of: 'answer', afterBytes: random.below(30) }, true)
  },

  async 'freeze the connections of a node' ({ cluster, client }, random) {
    const node = random.pick(cluster.nodes)
    cluster.proxies[node.index]!.freeze()
    await allFail([node], client)
    return `node ${node.index}`
  },

  async 'exhaust the pools' ({ cluster, client }) {
    const stuck = await cluster.database.connected(async (database) => {
      await database.query('begin')
      await database.query('select from scim_settings for update')
      const generates = cluster.nodes.flatMap((node) => Array.from({ length: 6 }, () => client.generate(node)))
      await allFail(cluster.nodes, client)
      await database.query('rollback')
      return generates
    })
    await Promise.all(stuck)
    return 'with a lock on the settings'
  }
}

/** Waits until the database has got the statement of a generate at this node, and answers its operation. */
async function amidGenerate ({ cluster, client }: Pick<Scene, 'cluster' | 'client'>, node: NodeProcess): Promise<number> {
  const statement = cluster.proxies[node.index]!.nextStatement()
  return await generateUntil(statement, client, node)
}

async function cutConnection ({ cluster, client, stored }: Scene, random: Random, cut: Cut, isStored?: boolean): Promise<string> {
  const node = random.pick(cluster.nodes)
  const operation = await generateUntil(cluster.proxies[node.index]!.cutNext(cut), client, node)
  if (isStored !== undefined) stored.set(operation, isStored)
  return `node ${node.index}, ${cut.of} cut after ${cut.afterBytes} bytes`
}

async function generateUntil (seen: Promise<number>, client: Client, node: NodeProcess): Promise<number> {
  let isSeen = false
  seen.then(() => { isSeen = true })
  await until('a generate reaches the database', () => {
    client.generate(node)
    return isSeen
  })
  return await seen
}

async function withoutDatabase ({ cluster, client }: Scene, mode: 'fast' | 'immediate'): Promise<string> {
  await cluster.database.end(mode)
  try {
    await allFail(cluster.nodes, client)
  } finally {
    await cluster.database.start()
  }
  return 'until all nodes felt it'
}

/** Waits until all these nodes have answered that they cannot check a token. */
async function allFail (nodes: readonly NodeProcess[], client: Client): Promise<void> {
  await Promise.all(nodes.map((node) => until(`node ${node.index} feels it`, async () =>
    await client.verify(node, generateToken()) === 'unknown')))
}
