import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Test } from 'tap'

const root = join(import.meta.dirname, '../..')

/** A project as a user has it: outside of this checkout, with the packed package and what its documentation installs. */
export interface Project {
  folder: string
  /** The program of Node.js 24, for what Node.js 20 lacks. */
  node24: string
  /** Writes files into a new folder of the project, and returns it. */
  write (files: Record<string, string>): Promise<string>
  remove (): Promise<void>
}

export async function createProject (): Promise<Project> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'scim-token-docs-')))
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) await cp(join(import.meta.dirname, file), join(folder, file))
  await run(folder, 'npm', ['ci', '--prefer-offline'])
  const [{ filename }] = JSON.parse(await run(root, 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]))
  const node24 = `node-${process.platform}-${process.arch}`
  await run(folder, 'npm', ['install', '--prefer-offline', '--no-save', '--ignore-scripts', join(folder, filename), `${node24}@24`])

  let count = 0
  return {
    folder,
    node24: join(folder, 'node_modules', node24, 'bin/node'),
    async write (files) {
      const home = join(folder, `app-${count++}`)
      await mkdir(home)
      for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text)
      return home
    },
    remove: () => rm(folder, { recursive: true })
  }
}

/** Returns what a program prints; rejects with it if the program fails. */
export async function run (cwd: string, program: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { cwd, env: { ...environment(), ...env } })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string, stderr?: string }
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}

/** Compiles TypeScript as a user's project does, for Node.js. */
export async function compile (folder: string): Promise<void> {
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { module: 'nodenext', target: 'es2023', types: ['node'], strict: true, skipLibCheck: true, noEmit: true }
  }))
  await run(folder, 'npx', ['tsc', '-p', '.'])
}

/** Runs the tests of a file with the test runner of Node.js; resolves to how many passed and failed. */
export async function runTests (folder: string, file: string, env: NodeJS.ProcessEnv = {}, node = process.execPath): Promise<{ pass: number, fail: number }> {
  const tsx = file.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : []
  const printed = await run(folder, node, [...tsx, '--test', '--test-force-exit', '--test-reporter=tap', file], env)
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(printed)?.[1])
  return { pass: count('pass'), fail: count('fail') }
}

/**
 * Starts a server until the end of a test, and resolves to the port that its log names.
 *
 * @param lines gets each line that the server prints
 * @param node the program
 */
export async function start (t: Test, cwd: string, args: string[], env: NodeJS.ProcessEnv = {}, lines: string[] = [], node = process.execPath): Promise<number> {
  return (await startServer(t, cwd, args, env, lines, node)).port
}

/** Starts a server as `start` does. Resolves to its port and its process. */
export async function startServer (t: Test, cwd: string, args: string[], env: NodeJS.ProcessEnv = {}, lines: string[] = [], node = process.execPath): Promise<{ port: number, server: ChildProcess }> {
  const server = spawn(node, args, { cwd, env: { ...environment(), PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (server.exitCode === null && server.kill()) await once(server, 'exit')
  })
  return await new Promise((resolve, reject) => {
    createInterface({ input: server.stdout })
      .on('line', (line) => {
        lines.push(line)
        const port = /Server listening at http:\/\/[^"]*:(\d+)"/.exec(line)?.[1]
        if (port !== undefined) resolve({ port: Number(port), server })
      })
      .on('close', () => { reject(new Error(`${args.join(' ')} did not start:\n${lines.join('\n')}`)) })
  })
}

/** Runs the `curl` commands of a block; the responses come from other ports than the block names. */
export class Curl {
  readonly #home: string

  constructor (home: string) {
    this.#home = home
  }

  static async create (t: Test, settings: string[]): Promise<Curl> {
    const home = t.testdir({ '.curlrc': settings.join('\n') + '\n' })
    return new Curl(home)
  }

  /** Maps a documented address to the real one. */
  static to (documented: string, port: number): string {
    return `connect-to = ${documented}:127.0.0.1:${port}`
  }

  async run (command: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
    return await run(this.#home, 'sh', ['-c', command], { CURL_HOME: this.#home, ...env })
  }
}

/** Runs the commands of a transcript and compares what they print; only tokens may differ, each always in the same way. */
export async function follow (t: Test, transcript: string, curl: Curl): Promise<void> {
  const tokens = new Map<string, string>()
  const translate = (text: string) => [...tokens].reduce((result, [written, real]) => result.replaceAll(written, real), text)
  for (const step of transcript.split(/^\$ /m).slice(1)) {
    const [command = '', ...expected] = step.trimEnd().split('\n')
    const printed = await curl.run(translate(command))
    const [written] = step.match(/(?<="token":")\w+/) ?? []
    const [real] = printed.match(/(?<="token":")\w+/) ?? []
    if (written !== undefined && real !== undefined) tokens.set(written, real)
    t.equal(printed.trimEnd(), translate(expected.join('\n')), command)
  }
  t.ok(tokens.size > 0, 'a token was generated')
}

function environment (): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env
  return env
}
