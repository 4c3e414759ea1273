import { generateToken } from '../../lib/token.ts'
import type { WriteKind } from './history.ts'
import { giveUpThenConfirm, sendUntilHeld, stages, waysToHoldBack, type Scene, type Way } from './hold-back.ts'
import type { NodeProcess } from './node-process.ts'
import { hasPgbouncer } from './pgbouncer.ts'
import type { HeldStatement } from './proxy.ts'
import type { Random } from './random.ts'
import { until } from './until.ts'

/** What a fault is injected into, and what it expects of the operations that it hits. */
export interface FaultScene extends Scene {
  /** For each operation that a fault has cut: whether its write must have been stored. */
  expectedStored: Map<number, boolean>
  /** Operations that must have a response in spite of a fault. */
  mustRespond: Set<number>
}

/** Does harm, and undoes it once the nodes have noticed. Returns what it chose at random. */
export type Fault = (scene: FaultScene, random: Random) => Promise<string>

const hour = 3_600_000

export const faults: Record<string, Fault> = {
  async 'kill a node during a generate' (scene, random) {
    const node = random.pick(scene.cluster.nodes)
    await duringGenerate(scene, node)
    await scene.cluster.replace(node.index, 'SIGKILL')
    return `node ${node.index}`
  },

  async 'stop a node during a generate' (scene, random) {
    const node = random.pick(scene.cluster.nodes)
    scene.mustRespond.add(await duringGenerate(scene, node))
    await scene.cluster.replace(node.index, 'SIGTERM')
    return `node ${node.index}`
  },

  async 'set the clock of a node wrong' ({ cluster }, random) {
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

  async 'pause the database' (scene) {
    const { database, nodes } = scene.cluster
    await database.pause()
    try {
      await untilFailing(scene, nodes)
    } finally {
      database.resume()
    }
    return 'longer than the timeout'
  },

  async 'cut a connection before the statement is complete' (scene, random) {
    const afterBytes = random.below(400)
    return await cutConnection(scene, random, (statement) => statement.cut(afterBytes), false) + ` after ${afterBytes} bytes`
  },

  async 'cut a connection during the commit' (scene, random) {
    return await cutConnection(scene, random, (statement) => statement.cut(Infinity))
  },

  async 'cut a connection after the commit' (scene, random) {
    const afterBytes = random.below(30)
    return await cutConnection(scene, random, (statement) => statement.cutResult(afterBytes), true) + ` after ${afterBytes} bytes`
  },

  async 'freeze the connections of a node' (scene, random) {
    const node = random.pick(scene.cluster.nodes)
    scene.cluster.proxies[node.index]!.freeze()
    await untilFailing(scene, [node])
    return `node ${node.index}`
  },

  async 'exhaust the pools' (scene) {
    const { cluster: { database, nodes }, client } = scene
    const stuck = await database.connected(async (connection) => {
      await connection.query('begin')
      await connection.query('select from scim_settings for update')
      const generates = nodes.flatMap((node) => Array.from({ length: 6 }, () => client.generate(node)))
      await untilFailing(scene, nodes)
      await connection.query('rollback')
      return generates
    })
    await Promise.all(stuck)
    return 'with a lock on the settings'
  },

  ...Object.fromEntries(Object.entries(waysToHoldBack)
    .filter(([, { needsPgbouncer = false }]) => hasPgbouncer || !needsPgbouncer)
    .map(([name, way]): [string, Fault] => [`hold back a write: ${name}`, (scene, random) => holdBackWrite(scene, random, way)]))
}

/** Waits until the last statement of a generate has reached the database, and returns the operation. */
async function duringGenerate (scene: FaultScene, node: NodeProcess): Promise<number> {
  const statement = await sendUntilHeld(scene, node, 'generate', 'last')
  statement.pass()
  return statement.operation
}

async function cutConnection (scene: FaultScene, random: Random, cut: (statement: HeldStatement) => Promise<void>, isStored?: boolean): Promise<string> {
  const node = random.pick(scene.cluster.nodes)
  const statement = await sendUntilHeld(scene, node, 'generate', 'last')
  await cut(statement)
  if (isStored !== undefined) scene.expectedStored.set(statement.operation, isStored)
  return `node ${node.index}`
}

async function withoutDatabase (scene: FaultScene, mode: 'fast' | 'immediate'): Promise<string> {
  const { database, nodes } = scene.cluster
  await database.stop(mode)
  try {
    await untilFailing(scene, nodes)
  } finally {
    await database.start()
  }
  return 'until all nodes noticed'
}

async function holdBackWrite (scene: FaultScene, random: Random, way: Way): Promise<string> {
  const [givesUp, confirms] = random.shuffle(scene.cluster.nodes) as [NodeProcess, NodeProcess]
  const kind = random.pick<WriteKind>(['generate', 'setEnabled'])
  const stage = random.pick(stages)
  await giveUpThenConfirm(scene, way, { nodes: [givesUp, confirms], kind, stage })
  if (kind === 'setEnabled') await until('SCIM is enabled again', async () => await scene.client.setEnabled(confirms, true) === 'stored')
  return `node ${givesUp.index} before the ${stage} statement of a ${kind}, confirmed by node ${confirms.index}`
}

/** Waits until all these nodes have responded that they cannot check a token. */
async function untilFailing ({ client }: FaultScene, nodes: readonly NodeProcess[]): Promise<void> {
  await Promise.all(nodes.map((node) => until(`node ${node.index} fails`, async () =>
    await client.verify(node, generateToken()) === 'unknown')))
}
