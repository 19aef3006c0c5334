// The pages that one goes to: in the navigation, by keyboard, in the help.

import Bell from "@lucide/svelte/icons/bell-ring";
import Bug from "@lucide/svelte/icons/bug";
import Clock from "@lucide/svelte/icons/calendar-clock";
import Gauge from "@lucide/svelte/icons/gauge";
import Layers from "@lucide/svelte/icons/layers";
import Settings from "@lucide/svelte/icons/settings-2";

export const places = [
  { path: "/", name: "Overview", key: "o", icon: Gauge },
  { path: "/errors", name: "Errors", key: "e", icon: Bug },
  { path: "/alerts", name: "Alerts", key: "a", icon: Bell },
  { path: "/queues", name: "Queues", key: "q", icon: Layers },
  { path: "/cron", name: "Cron", key: "c", icon: Clock },
  { path: "/settings", name: "Settings", key: "s", icon: Settings },
] as const;
