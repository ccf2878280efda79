import { mount } from 'svelte';
import App from './App.svelte';
import { preferences } from './preferences.svelte';
import './styles.css';

preferences.restore();
const target = document.getElementById('app');
if (target) mount(App, { target });
