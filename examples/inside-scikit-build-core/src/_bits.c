#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *count(PyObject *module, PyObject *argument)
{
    unsigned long long number;
    long bits = 0;

#ifdef UNCHECKED
    number = PyLong_AsUnsignedLongLongMask(argument);
#else
    number = PyLong_AsUnsignedLongLong(argument);
#endif
    if (PyErr_Occurred())
        return NULL;
    for (; number; number &= number - 1)
        bits++;
    return PyLong_FromLong(bits);
}

static PyMethodDef methods[] = {
    {"count", count, METH_O, "Return how many bits of a number are set."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_bits", NULL, 0, methods};

PyMODINIT_FUNC PyInit__bits(void)
{
    return PyModuleDef_Init(&definition);
}
