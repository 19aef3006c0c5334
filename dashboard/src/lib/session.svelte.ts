// Who is signed in, and the one connection to Supabase that everything else uses.

import { createClient, type User } from "@supabase/supabase-js";
import type { Config } from "./config.ts";

function connect({ supabaseUrl, publishableKey }: Config) {
  // The session is kept under supabase-js's usual name: an app of the same project that this is
  // mounted beside shares it, so that nobody signs in twice.
  return createClient(supabaseUrl, publishableKey, { db: { schema: "tocsin" } });
}
export type Client = ReturnType<typeof connect>;

class Session {
  user = $state.raw<User | null>();
  #config: Config | undefined;
  #client: Client | undefined;

  /** Undefined: not known yet. */
  get isSignedIn(): boolean | undefined {
    return this.user === undefined ? undefined : this.user !== null;
  }

  get client(): Client {
    if (!this.#client) throw new Error("The session has not begun.");
    return this.#client;
  }

  get config(): Config {
    if (!this.#config) throw new Error("The session has not begun.");
    return this.#config;
  }

  async begin(config: Config): Promise<void> {
    this.#config = config;
    this.#client = connect(config);
    this.#client.auth.onAuthStateChange((_event, session) => {
      // The same person again, with a new token, changes nothing on screen.
      if (session?.user.id !== this.user?.id || this.user === undefined) {
        this.user = session?.user ?? null;
      }
    });
    const { data } = await this.#client.auth.getSession();
    this.user = data.session?.user ?? null;
  }

  /** Answers why not, in words; undefined when it worked. */
  async signIn(email: string, password: string): Promise<string | undefined> {
    const { error } = await this.client.auth.signInWithPassword({ email, password });
    if (!error) return undefined;
    if (error.name === "AuthRetryableFetchError") {
      return "The project cannot be reached. Look at your connection, then try again.";
    }
    if (error.code === "email_not_confirmed") {
      return "This address is not confirmed yet: open the link in the email from your project.";
    }
    return error.code === "invalid_credentials" || error.status === 400
      ? "That address and password do not fit together. Look at both, then try again."
      : error.message;
  }

  /** A link by email, for projects whose people have no passwords. */
  async sendLink(email: string): Promise<string | undefined> {
    const { error } = await this.client.auth.signInWithOtp({
      email,
      options: { emailRedirectTo: location.href, shouldCreateUser: false },
    });
    return error?.message;
  }

  async signOut(): Promise<void> {
    await this.client.auth.signOut({ scope: "local" });
    this.user = null;
  }
}

export const session = new Session();
