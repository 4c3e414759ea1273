import { generateToken } from '../../lib/token.ts'
import type { Client } from './client.ts'
import { urlOf, type Cluster } from './cluster.ts'
import type { WriteKind } from './history.ts'
import type { NodeProcess } from './node-process.ts'
import { startPgbouncer } from './pgbouncer.ts'
import { startProxy, type HeldStatement, type Proxy, type Statement } from './proxy.ts'
import type { Recorder } from './recorder.ts'
import { until } from './until.ts'

export interface Scene {
  cluster: Cluster
  client: Client
  recorder: Recorder
}

/** Which statement of a write is held back: with a fence the first draws a number and the last writes. */
export const stages = ['first', 'last'] as const
export type Stage = typeof stages[number]

/** A write of a node, held back until the node has given it up. The function lets it go on and waits until it has ended. */
type Release = () => Promise<void>

/** A way to hold back the writes of a node for longer than the plugin's `timeout`. */
export interface Way {
  /** Whether the writes of other nodes wait, too. */
  blocksOthers?: boolean
  needsPgbouncer?: boolean
  /** Whether the write is dropped once its node has closed the connection. */
  dropsWrites?: boolean
  /** Makes a node start a write, and returns once the node has given it up. */
  holdBack (scene: Scene, node: NodeProcess, kind: WriteKind, stage: Stage): Promise<Release>
}

export const waysToHoldBack: Record<string, Way> = {
  'frozen backend, connectionTimeoutMillis and statement_timeout below timeout': {
    async holdBack (scene, node, kind, stage) {
      const below = limitBelow(scene)
      await node.usePool({ ...directPool(scene, node), connectionTimeoutMillis: below, statement_timeout: below })
      const statement = await sendUntilHeld(scene, node, kind, stage)
      process.kill(statement.backend!, 'SIGSTOP')
      statement.pass()
      await scene.recorder.ended(statement.operation)
      return async () => {
        process.kill(statement.backend!, 'SIGCONT')
        await finish(scene, node, statement)
      }
    }
  },

  'paused network, without query_timeout': {
    holdBack: (scene, node, kind, stage) => pauseNetwork(scene, node, kind, stage)
  },

  'paused network, query_timeout below timeout': {
    holdBack: (scene, node, kind, stage) => pauseNetwork(scene, node, kind, stage, limitBelow(scene))
  },

  'busy pool of one, without connectionTimeoutMillis': {
    async holdBack (scene, node, kind, stage) {
      await node.usePool({ ...directPool(scene, node), max: 1 })
      const occupying = stage === 'first' ? await busyBeforeFirst(scene, node, kind) : await busyBeforeLast(scene, node, kind)
      return () => finish(scene, node, occupying)
    }
  },

  'queue of pgbouncer, statement_timeout only': {
    needsPgbouncer: true,
    holdBack: (scene, node, kind, stage) => queueInPgbouncer(scene, node, kind, stage)
  },

  'queue of pgbouncer, query_timeout below timeout': {
    needsPgbouncer: true,
    dropsWrites: true,
    holdBack: (scene, node, kind, stage) => queueInPgbouncer(scene, node, kind, stage, limitBelow(scene))
  },

  'locked settings table, query_timeout at timeout': {
    blocksOthers: true,
    async holdBack (scene, node, kind, stage) {
      const { cluster: { database, timeout } } = scene
      await node.usePool({ ...directPool(scene, node), query_timeout: timeout })
      const statement = await sendUntilHeld(scene, node, kind, stage)
      const unlock = await database.lockSettings()
      statement.pass()
      await scene.recorder.ended(statement.operation)
      return async () => {
        await unlock()
        await finish(scene, node, statement)
      }
    }
  }
}

/**
 * Has one node give up a write, another one confirm a write of the same kind, and the first one's go on.
 *
 * @returns the token of the confirmed write, if it is a generate; a confirmed setEnabled disables SCIM
 */
export async function giveUpThenConfirm (
  scene: Scene,
  { holdBack, blocksOthers = false }: Way,
  { nodes: [givesUp, confirms], kind, stage }: { nodes: [NodeProcess, NodeProcess], kind: WriteKind, stage: Stage }
): Promise<string | undefined> {
  const release = await holdBack(scene, givesUp, kind, stage)
  const confirmed = confirm(scene, confirms, kind)
  try {
    if (blocksOthers) await scene.cluster.database.untilWaiting(2)
    else await confirmed
  } finally {
    await release()
  }
  return await confirmed
}

async function confirm ({ client }: Scene, node: NodeProcess, kind: WriteKind): Promise<string | undefined> {
  let token: string | undefined
  await until(`node ${node.index} confirms a ${kind}`, async () => {
    if (kind === 'setEnabled') return await client.setEnabled(node, false) === 'stored'
    token = await client.generate(node)
    return token !== undefined
  })
  return token
}

/** The opposite of what {@link confirm} does, so that it shows if it takes effect. */
async function send ({ client }: Scene, node: NodeProcess, kind: WriteKind): Promise<void> {
  if (kind === 'generate') await client.generate(node)
  else await client.setEnabled(node, true)
}

/** Sends writes to a node, one after the other, until the proxy holds one back. */
export async function sendUntilHeld (scene: Scene, node: NodeProcess, kind: WriteKind, stage: Stage, proxy = proxyOf(scene, node)): Promise<HeldStatement> {
  const held = holdNextWrite(scene, proxy, kind, stage)
  for (;;) {
    const statement = await Promise.race([held, send(scene, node, kind)])
    if (statement !== undefined) return statement
  }
}

/** Holds back the first or the last statement of the next write of a kind. */
function holdNextWrite ({ cluster }: Scene, proxy: Proxy, kind: WriteKind, stage: Stage): Promise<HeldStatement> {
  const number = stage === 'first' ? 1 : cluster.statementsPerWrite
  return proxy.holdNext((statement) => statement.kind === kind && statement.number === number)
}

async function pauseNetwork (scene: Scene, node: NodeProcess, kind: WriteKind, stage: Stage, queryTimeout?: number): Promise<Release> {
  await node.usePool({ ...directPool(scene, node), query_timeout: queryTimeout })
  const statement = await sendUntilHeld(scene, node, kind, stage)
  await scene.recorder.ended(statement.operation)
  return async () => {
    statement.pass()
    await finish(scene, node, statement)
  }
}

/** A verification holds the one connection while the write waits for it. */
async function busyBeforeFirst (scene: Scene, node: NodeProcess, kind: WriteKind): Promise<HeldStatement> {
  const held = proxyOf(scene, node).holdNext(isVerify)
  scene.client.verify(node, generateToken())
  const occupying = await held
  await send(scene, node, kind)
  return occupying
}

/** A verification that waits for the one connection gets it between the two statements of the write. */
async function busyBeforeLast (scene: Scene, node: NodeProcess, kind: WriteKind): Promise<HeldStatement> {
  const proxy = proxyOf(scene, node)
  const first = await sendUntilHeld(scene, node, kind, 'first')
  const occupying = proxy.holdNext(isVerify)
  scene.client.verify(node, generateToken())
  await until('the verification waits for the connection', async () => (await node.poolState()).waiting > 0)
  first.pass()
  await scene.recorder.ended(first.operation)
  return await occupying
}

const isVerify = ({ kind }: Statement) => kind === 'verify'

async function queueInPgbouncer (scene: Scene, node: NodeProcess, kind: WriteKind, stage: Stage, queryTimeout?: number): Promise<Release> {
  const pgbouncer = await startPgbouncer(scene.cluster.database, limitBelow(scene))
  const proxy = await startProxy(pgbouncer.socket)
  await node.usePool({ connectionString: urlOf(proxy), query_timeout: queryTimeout })
  const statement = await sendUntilHeld(scene, node, kind, stage, proxy)
  const free = await pgbouncer.occupy()
  statement.pass()
  await scene.recorder.ended(statement.operation)
  return async () => {
    await free()
    await finish(scene, node, statement)
    proxy.close()
    await pgbouncer.stop()
  }
}

/** Waits until a write has had its effect, if any, and gives the node back its own pool. */
async function finish ({ cluster }: Scene, node: NodeProcess, statement: HeldStatement): Promise<void> {
  statement.pass()
  await statement.finished
  await until(`the pool of node ${node.index} is idle`, async () => (await node.poolState()).isIdle)
  await cluster.database.untilQuiet()
  await node.usePool()
}

function proxyOf ({ cluster }: Scene, node: NodeProcess): Proxy {
  return cluster.proxies[node.index]!
}

function directPool (scene: Scene, node: NodeProcess): { connectionString: string } {
  return { connectionString: urlOf(proxyOf(scene, node)) }
}

function limitBelow ({ cluster }: Scene): number {
  return cluster.timeout * 0.6
}
