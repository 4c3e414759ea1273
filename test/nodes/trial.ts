import { generateToken } from '../../lib/token.ts'
import { makeClient } from './client.ts'
import { startCluster } from './cluster.ts'
import { countOperations } from './counts.ts'
import { faults, type Scene } from './faults.ts'
import type { History, Operation } from './history.ts'
import { startLoad } from './load.ts'
import { seededRandom, type Random } from './random.ts'
import { startRecorder, type Recorder } from './recorder.ts'
import { until } from './until.ts'
import { reachVerdict } from './verdict.ts'

export interface TrialSetup {
  seed: string
  /** How many nodes. */
  size: number
  /** It goes on until so many minutes are over, all faults have struck, and these counts are reached. */
  minutes: number
  generates: number
  verifications: number
  /** The names of the faults; without any there is only load. */
  faults: string[]
  /** Takes the logs of the nodes and of the database. */
  logFolder: string
  brokenStore?: string | undefined
  /** Takes a line of progress. */
  report: (line: string) => void
}

export interface TrialResult {
  counts: Record<string, number>
  /** What was not as promised. */
  violations: string[]
}

/** Runs nodes under load, strikes them with faults, and checks all that was seen. */
export async function runTrial (setup: TrialSetup): Promise<TrialResult> {
  const recorder = startRecorder()
  const cluster = await startCluster({ ...setup, recorder })
  try {
    const scene: Scene = { cluster, client: makeClient(recorder), stored: new Map(), answered: new Set() }
    const random = seededRandom(setup.seed)
    const load = startLoad(cluster.nodes, scene.client, random)
    try {
      await strikeAll(setup, scene, recorder, random.fork('faults'))
    } catch (error) {
      recorder.complain(String(error))
    }
    await load.stop()
    const { history, violations } = await reachVerdict(cluster, recorder, setup.logFolder)
    return { counts: countOperations(history), violations: [...violations, ...checkFaults(scene, history, recorder)] }
  } finally {
    await cluster.remove()
  }
}

/** Strikes with one fault after the other until there has been enough of everything. */
async function strikeAll (setup: TrialSetup, scene: Scene, recorder: Recorder, random: Random): Promise<void> {
  const { minutes, report } = setup
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 60_000
  const rounds = inRounds(setup.faults, random)
  let struck = 0
  await calm(recorder)
  while (struck < setup.faults.length || elapsed() < minutes || !hasEnough(recorder, setup)) {
    if (elapsed() > 2 * minutes + 1) throw new Error(`not enough in ${elapsed().toFixed(1)} minutes`)
    const { value: name } = rounds.next()
    if (name !== undefined) {
      const at = elapsed() * 60
      const details = await faults[name]!(scene, random)
      const undone = performance.now()
      await resume(scene)
      report(`${at.toFixed(1).padStart(6)} s  ${name}: ${details}; all nodes serve ${Math.round(performance.now() - undone)} ms later`)
      struck++
    }
    await calm(recorder)
  }
}

/** All names, over and over, in another order each time. */
function * inRounds (names: string[], random: Random): Generator<string, undefined> {
  while (names.length > 0) yield * random.shuffle(names)
}

function hasEnough ({ operations }: Recorder, { generates, verifications }: TrialSetup): boolean {
  const answered = (kind: Operation['kind']) => operations.filter((operation) => operation.kind === kind && operation.outcome !== 'unknown').length
  return answered('generate') >= generates && answered('verify') >= verifications
}

/** Waits until every node generates a token, and verifies more at once than its pool has connections. */
async function resume ({ cluster, client }: Scene): Promise<void> {
  await Promise.all(cluster.nodes.map(async (node) => {
    await until(`node ${node.index} generates again`, async () => await client.generate(node) !== undefined)
    await until(`node ${node.index} verifies again`, async () => {
      const outcomes = await Promise.all(Array.from({ length: 6 }, () => client.verify(node, generateToken())))
      return !outcomes.includes('unknown')
    })
  }))
}

/** Lets the load run without a fault for a while. */
async function calm ({ operations }: Recorder): Promise<void> {
  const enough = operations.length + 150
  await until('the load goes on', () => operations.length > enough)
}

/** What a fault has hit came out as that fault makes it. */
function checkFaults ({ stored, answered }: Scene, { operations, changes }: History, { lost }: Recorder): string[] {
  const outcomes = new Map(operations.map(({ id, outcome }) => [id, outcome]))
  const changed = new Set(changes.map(({ operation }) => operation))
  return [
    ...[...stored]
      .filter(([id, isStored]) => changed.has(id) !== isStored || outcomes.get(id) !== 'unknown')
      .map(([id, isStored]) => `generate ${id} was cut ${isStored ? 'after' : 'before'} the commit, was answered "${outcomes.get(id)}" and ${changed.has(id) ? 'stored' : 'not stored'}`),
    ...[...answered]
      .filter((id) => lost.has(id))
      .map((id) => `generate ${id} was on its way when its node was told to stop, and had no answer`)
  ]
}
